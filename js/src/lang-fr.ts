import type { Language } from "./language";
import { sentenceOf } from "./words";

const retryHint = "Recommencez l’identification.";
const support = "Si cela se reproduit, prévenez votre support informatique.";
const supportHint = "Prévenez votre support informatique.";

const stopped = "L’agent n’est pas démarré : ouvrez « CPx Bridge » dans le menu des applications (sous Windows, le menu Démarrer), puis recommencez.";
const absent = "L’agent n’est pas installé (« CPx Bridge » manque dans le menu des applications) : faites-le installer sur ce poste.";
const blocked = "L’agent est démarré, mais ce site n’est pas autorisé sur ce poste, ou bien une extension du navigateur ou un logiciel de sécurité empêche de le joindre : essayez un autre navigateur, ou prévenez votre support informatique.";
const causes = "Les causes possibles, de la plus probable à la moins probable :";

export const texts: Language["texts"] = {
  // De l’agent.
  cancelled: ["L’identification a été annulée.", "Rien n’a été transmis. Vous pouvez recommencer."],
  consent_denied: ["Vous n’avez pas autorisé ce site à utiliser votre carte.", "Recommencez et acceptez la demande si vous voulez vous identifier ici. Si rien ne vous est demandé, ouvrez le menu de CPx Bridge, « Sites refusés », et cliquez sur ce domaine."],
  timeout: ["Le temps imparti est écoulé.", "Recommencez et répondez aux fenêtres qui s’ouvrent sur votre poste."],
  busy: ["Une autre identification est déjà en cours sur ce poste.", "Répondez dans la fenêtre de CPx Bridge qui est ouverte, ou annulez-y, puis recommencez. Si vous n’en voyez pas, regardez derrière les autres fenêtres, ou patientez quelques minutes."],
  "busy.pause": ["Trop de demandes ont été refusées, laissées sans réponse ou retirées sur ce poste.", "Patientez {retryAfter}, puis recommencez. Si le menu de CPx Bridge propose de reprendre, vous pouvez le faire tout de suite."],
  no_reader: ["Aucun lecteur de cartes n’a été trouvé.", "Branchez le lecteur, attendez quelques secondes, puis recommencez."],
  "no_reader.no_permission": ["Le service des lecteurs de cartes refuse cette session, ouverte à distance ou inactive.", "Ouvrez la session sur le poste où est branché le lecteur, puis recommencez. " + supportHint],
  "no_reader.no_service": ["Le service des lecteurs de cartes de ce poste ne répond pas.", `Redémarrez le poste. ${support}`],
  no_card: ["Aucune carte n’a été trouvée dans le lecteur.", "Insérez votre carte, puce vers l’avant, puis recommencez."],
  card_unsupported: ["Cette carte n’est pas reconnue.", "Vérifiez qu’il s’agit de votre carte CPS, CPF, CPE ou CPA et qu’elle est insérée dans le bon sens."],
  "card_unsupported.mute": ["La carte ne répond pas.", "Retirez-la, vérifiez son sens, essuyez la puce, réinsérez-la, puis recommencez. " + support],
  card_removed: ["La carte a été retirée.", "Remettez-la dans le lecteur et laissez-la en place jusqu’à la fin, puis recommencez."],
  no_certificate: ["Cette carte ne permet pas de s’identifier.", "Vérifiez que vous utilisez votre propre carte, ou " + "prévenez votre support informatique."],
  "no_certificate.expired": ["Votre carte a expiré.", "Utilisez votre nouvelle carte. Si vous ne l’avez pas reçue, contactez l’organisme qui la délivre."],
  "no_certificate.not_yet_valid": ["Votre carte n’est pas encore valable.", "Vérifiez la date et l’heure de ce poste ; si elles sont justes, utilisez votre carte précédente."],
  "no_certificate.not_for_authentication": ["Cette carte ne contient pas de certificat d’authentification.", "Utilisez la carte qui vous sert à vous identifier."],
  "no_certificate.key_without_pin": ["La carte a été lue sans contact.", "Insérez-la dans le lecteur : l’identification demande votre code porteur."],
  "no_certificate.hidden": ["Cette carte ne montre aucun certificat avant la saisie de son code porteur.", "Prévenez votre support informatique : la carte doit porter un certificat d’authentification lisible sans code."],
  "no_certificate.unreadable": ["Le certificat de cette carte n’est pas lisible.", "Signalez-le à l’organisme qui délivre la carte."],
  "no_certificate.no_key": ["La clé de votre certificat n’a pas été trouvée sur cette carte.", "Retirez la carte, remettez-la, puis recommencez. Si cela se reproduit, contactez l’organisme qui la délivre : il doit la remplacer."],
  "no_certificate.key_unsupported": ["La clé de cette carte ne permet pas de s’identifier.", "Son type ou sa taille n’est pas pris en charge : utilisez une autre carte, ou prévenez votre support informatique."],
  card_changed: ["La carte dans le lecteur n’est plus celle qui a été choisie.", "Remettez la carte choisie, ou recommencez avec celle-ci."],
  pin_locked: ["Le code porteur de cette carte est bloqué.", "Faites débloquer la carte avec son code de déblocage, ou adressez-vous à l’organisme qui la délivre."],
  "pin_locked.locked_or_in_use": ["Le code porteur est bloqué, ou un autre programme garde la carte pour lui seul.", "Fermez les autres programmes qui utilisent la carte, puis recommencez. " + support],
  pin_incorrect: ["Le code porteur saisi est incorrect.", "Vérifiez votre code avant de recommencer : la carte se bloque après plusieurs erreurs."],
  "pin_incorrect.some": ["Le code porteur saisi est incorrect.", "Il reste {triesLeft} essais avant que la carte se bloque. Vérifiez votre code avant de recommencer."],
  "pin_incorrect.one": ["Le code porteur saisi est incorrect.", "Il ne reste qu’un essai avant que la carte se bloque. En cas de doute, ne recommencez pas et demandez de l’aide."],
  pin_not_set: ["Le code porteur de cette carte n’a pas encore été défini.", "Activez d’abord votre carte en suivant le courrier qui l’accompagne."],
  "pin_not_set.pin_expired": ["Le code porteur de cette carte doit d’abord être changé.", "Changez-le dans l’outil de la carte (pour une carte CPS, celui de l’Agence du Numérique en Santé), puis recommencez. Aucun essai n’a été compté."],
  module_failed: ["Le logiciel de la carte n’a pas répondu correctement.", "Retirez la carte, remettez-la, puis recommencez. " + support],
  "module_failed.hanging": ["Le logiciel de la carte ne répond pas.", "Fermez les autres programmes qui utilisent la carte, débranchez puis rebranchez le lecteur, puis recommencez. Si rien n’y fait, redémarrez le poste. " + support],
  "module_failed.stale_cache": ["Le logiciel de la carte présente les données d’une autre carte.", "Recommencer n’y changera rien : prévenez votre support informatique, qui doit vider le cache de ce logiciel (« cpx-agent doctor » dit où)."],
  no_module: ["Le logiciel de la carte n’est pas installé sur ce poste.", supportHint],
  "no_module.not_pkcs11": ["Le fichier réglé comme logiciel de la carte n’en est pas un.", "Prévenez votre support informatique : le réglage « modules » de l’agent est à corriger."],
  "no_module.missing_dependency": ["Il manque un composant au logiciel de la carte de ce poste.", "Prévenez votre support informatique : « cpx-agent doctor » nomme ce qui manque."],
  "no_module.wrong_architecture": ["Le logiciel de la carte n’est pas de la version qu’il faut à ce poste.", "Prévenez votre support informatique : il faut le plus souvent la version 64 bits."],
  "no_module.not_loadable": ["Le logiciel de la carte n’a pas pu être chargé.", "Prévenez votre support informatique : « cpx-agent doctor » dit pourquoi."],
  "no_module.untrusted_owner": ["Le logiciel de la carte n’a pas été chargé, car il n’est pas protégé : d’autres que l’administrateur pourraient le modifier.", "Prévenez votre support informatique : « cpx-agent doctor » dit comment le protéger."],
  prompt_failed: ["La fenêtre de saisie n’a pas pu s’ouvrir.", supportHint],
  "prompt_failed.untrusted_owner": ["Le programme qui demande le code n’a pas été lancé, car il n’est pas protégé : d’autres que l’administrateur pourraient le modifier.", "Prévenez votre support informatique : « cpx-agent doctor » dit comment le protéger."],
  internal: ["L’agent a rencontré une erreur imprévue.", retryHint + " " + support],
  invalid_params: ["L’agent n’a pas accepté la demande de cette page.", "Rechargez la page, puis recommencez. " + support],
  protocol_error: ["La réponse de l’agent n’a pas été comprise.", retryHint + " " + support],

  // De la page.
  no_agent: ["Aucun agent n’a répondu à cette page.", causes, absent, stopped, blocked],
  "no_agent.known": ["Aucun agent n’a répondu à cette page.", causes, stopped, blocked, absent],
  "no_agent.handheld": ["Un téléphone ou une tablette ne peut pas lire votre carte.", "Ouvrez cette page sur un ordinateur équipé d’un lecteur de cartes et de CPx Bridge."],
  "no_agent.safari": ["Aucun agent n’a répondu à cette page dans Safari.", "Ouvrez-la dans Firefox, Chrome ou Edge : Safari demande un réglage de ce poste, que seul votre support informatique peut faire. " + causes, absent, stopped, blocked],
  permission_denied: ["Le navigateur n’autorise pas ce site à joindre l’agent.", "Cliquez à gauche de l’adresse du site et activez « Applis sur l’appareil » (dans Firefox : cliquez sur la croix à côté de « Accéder à cet appareil »), puis recommencez. Si le réglage est verrouillé, prévenez votre support informatique."],
  "permission_denied.frame": ["Le navigateur n’autorise pas cette page à joindre l’agent.", "Cliquez à gauche de l’adresse du site et activez « Applis sur l’appareil » (dans Firefox : cliquez sur la croix à côté de « Accéder à cet appareil »), puis recommencez. Si rien n’y est réglé, ouvrez le portail dans son propre onglet."],
  permission_dismissed: ["La question du navigateur est restée sans réponse.", "Recommencez et choisissez « Autoriser » lorsque le navigateur demande si ce site peut accéder à d’autres applis et services sur cet appareil."],
  permission_pending: ["Le navigateur n’a pas encore votre réponse.", "S’il demande si ce site peut accéder à d’autres applis et services sur cet appareil, choisissez « Autoriser », puis recommencez. S’il ne demande rien, ouvrez « CPx Bridge » dans le menu des applications, puis recommencez."],
  policy_blocked: ["Les réglages du portail empêchent de joindre l’agent.", "Prévenez le support du portail : son en-tête Permissions-Policy ne doit pas interdire « loopback-network »."],
  "policy_blocked.frame": ["La page qui affiche ce portail l’empêche de joindre l’agent.", "Ouvrez le portail dans son propre onglet, ou prévenez le support du site : son cadre doit porter « allow=\"loopback-network\" »."],
  challenge_expired: ["L’identification a pris trop de temps.", "Par sécurité, elle n’est plus valable. Cliquez une fois pour recommencer."],
  challenge_failed: ["Le portail n’a pas pu commencer l’identification.", "Vérifiez votre connexion au réseau, puis recommencez dans quelques instants."],
  "challenge_failed.pause": ["Le portail reçoit trop de demandes.", "Patientez {retryAfter}, puis recommencez."],
  aborted: ["L’identification a été interrompue.", "Vous pouvez recommencer."],
  insecure_context: ["Cette page n’est pas protégée.", "Ouvrez le portail par son adresse en https, puis recommencez."],
  csp_blocked: ["Les réglages du portail empêchent de joindre l’agent.", "Prévenez le support du portail : sa Content-Security-Policy doit autoriser « connect-src ws://127.0.0.1:* »."],
  "csp_blocked.safari": ["Les réglages du portail empêchent de joindre l’agent dans Safari.", "Ouvrez cette page dans Firefox, Chrome ou Edge, ou prévenez le support du portail : sa Content-Security-Policy doit autoriser « connect-src wss://localhost:* »."],
  agent_lost: ["La liaison avec l’agent a été perdue.", "Recommencez. Si aucun agent ne répond alors, ouvrez « CPx Bridge » dans le menu des applications."],
  agent_too_old: ["L’agent de ce poste est trop ancien pour ce site.", "Mettez-le à jour, ou demandez-le à votre support informatique, puis recommencez."],
  page_too_old: ["L’agent de ce poste est plus récent que ce site.", "Prévenez le support du portail : il doit mettre sa page à jour."],

  // Du portail.
  login_refused: ["Le portail a refusé l’identification.", retryHint + " " + support],
  "login_refused.pause": ["Le portail a reçu trop d’essais.", "Patientez {retryAfter}, puis recommencez."],
  "login_refused.too_many_requests": ["Le portail a reçu trop d’essais.", "Patientez quelques minutes, puis recommencez."],
  "login_refused.unreachable": ["Le portail n’a pas pu être joint.", "Vérifiez votre connexion au réseau, puis recommencez."],
  "login_refused.unexpected_answer": ["Le portail n’a pas répondu comme prévu.", "Rechargez la page, puis recommencez. " + support],
  "login_refused.untrusted_ca": ["Le portail n’accepte pas les cartes de cet émetteur.", "Vérifiez que vous utilisez la bonne carte, puis prévenez le support du portail."],
  "login_refused.issuer_not_allowed": ["D’après les certificats de son émetteur, cette carte ne sert pas à s’identifier sur ce portail.", "Vérifiez que vous utilisez la bonne carte, puis prévenez le support du portail."],
  "login_refused.expired": ["Votre carte a expiré.", "Utilisez votre nouvelle carte. Si vous ne l’avez pas reçue, contactez l’organisme qui la délivre."],
  "login_refused.not_yet_valid": ["Votre carte n’est pas encore valable.", "Utilisez votre carte précédente, ou recommencez à partir de sa date de validité."],
  "login_refused.test_card_refused": ["Ceci est une carte de test.", "Le portail n’accepte que les cartes réelles : utilisez la vôtre."],
  "login_refused.revoked": ["Cette carte a été mise en opposition.", "Elle ne peut plus servir. Utilisez votre nouvelle carte, ou contactez l’organisme qui la délivre."],
  "login_refused.revocation_unknown": ["Le portail n’a pas pu vérifier si votre carte est en opposition.", "Recommencez dans quelques minutes. " + support],
  "login_refused.refused_policy": ["Ce type de carte n’est pas accepté par le portail.", "Utilisez votre carte personnelle, insérée dans le lecteur."],
  "login_refused.missing_policy": ["Ce type de carte n’est pas accepté par le portail.", "Vérifiez que vous utilisez la bonne carte, puis prévenez le support du portail."],
  "login_refused.wrong_key_usage": ["Ce certificat ne sert pas à s’identifier.", "Recommencez en choisissant le certificat d’authentification."],
  "login_refused.wrong_extended_key_usage": ["Ce certificat ne sert pas à s’identifier.", "Recommencez en choisissant le certificat d’authentification."],
  "login_refused.weak_key": ["La clé de cette carte est trop faible pour le portail.", "Demandez une carte plus récente à l’organisme qui la délivre."],
  "login_refused.algorithm_refused": ["Le portail n’accepte pas la signature de cette carte.", "Prévenez le support du portail."],
  "login_refused.bad_signature": ["La signature de la carte n’a pas pu être vérifiée.", retryHint + " Vérifiez que l’adresse du portail est la bonne. " + support],
  "login_refused.malformed_token": ["Le portail n’a pas compris la réponse de la carte.", retryHint + " " + support],
  "login_refused.malformed_request": ["Le portail n’a pas compris ce que cette page a envoyé.", retryHint + " " + support],
  "login_refused.malformed_certificate": ["Le portail n’a pas pu lire le certificat de la carte.", "Prévenez le support du portail."],
  "login_refused.unreadable_certificate": ["Le certificat de cette carte n’est pas lisible.", "Signalez-le à l’organisme qui délivre la carte, avec le nom de ce portail."],
  "login_refused.unsupported_format": ["L’agent de ce poste et ce portail n’ont pas des versions compatibles.", "Demandez à votre support informatique de mettre l’agent à jour."],
  "login_refused.origin_invalid": ["L’adresse du portail n’est pas celle qui est attendue.", "Ouvrez le portail par son adresse habituelle. Si cela ne suffit pas, prévenez son support."],
  "login_refused.csrf_failed": ["Cette page est ouverte depuis trop longtemps.", "Rechargez-la, puis recommencez. " + support],
  "login_refused.no_session": ["Le navigateur n’a pas gardé la session de ce site.", "Si le portail s’affiche dans la page d’un autre site, ouvrez-le dans son propre onglet. Sinon, autorisez les cookies de ce site, puis recommencez."],
  "login_refused.nonce_length": ["Le portail n’a pas pu commencer l’identification.", "Prévenez le support du portail."],
  "login_refused.card_attached_elsewhere": ["Cette carte est déjà rattachée à un autre compte.", "Connectez-vous à ce compte, ou demandez au support du portail de l’en détacher."],

  unknown: ["L’identification n’a pas abouti.", retryHint + " " + support],
};

export const progress: Language["progress"] = {
  searching: "Recherche de l’agent sur ce poste…",
  "permission-prompt": "Votre navigateur peut demander si ce site peut accéder à d’autres applis et services sur cet appareil. Choisissez « Autoriser » : c’est ainsi que le site joint votre lecteur de carte.",
  "waiting-for-permission": "Répondez à la question du navigateur, en haut de la fenêtre : choisissez « Autoriser ». C’est ainsi que le site joint votre lecteur de carte.",
  "permission-overdue": "Si votre navigateur pose une question, choisissez « Autoriser ». S’il n’en pose aucune, annulez, ouvrez « CPx Bridge » dans le menu des applications, puis recommencez.",
  "waiting-for-agent": "En attente de l’agent. Si une fenêtre de CPx Bridge est déjà ouverte pour un autre onglet ou un autre site, terminez-y d’abord l’identification : cette page prendra la suite.",
  "waiting-for-consent": "Vérifiez le site affiché dans la fenêtre de CPx Bridge, puis autorisez-le.",
  "waiting-for-card": "Insérez votre carte dans le lecteur.",
  "choosing-certificate": "Choisissez votre certificat dans la fenêtre de CPx Bridge.",
  "waiting-for-pin": "Saisissez votre code porteur, comme l’indique la fenêtre de CPx Bridge.",
  signing: "Vérification de votre carte…",
  done: "Vous êtes identifié.",
};

export const words: Language["words"] = {
  install: "Installer l’agent",
  help: "Aide à l’identification par carte",
  cancel: "Annuler",
  retry: "Recommencer",
  reference: "Référence : ",
};

export const sentence: Language["sentence"] = (error) => sentenceOf(error, { texts, words });

package doctor

// words is the catalogue of this package. Each text stands alone: a person reads
// it in a list, or someone reads it aloud.
type words struct {
	Failed, Report, Late, LateNext, LateKeyring string
	SettingsTaken, SettingNotTaken, SettingNext string
	SettingsBad, MendSettings                   string
	NoPCSCLibrary, InstallPCSC, NoPCSC          string
	StartPCSC, NoReader, PlugReader, PCSCRuns   string
	ReaderEmpty, ReaderCard                     string
	NoModule, InstallModule, ModuleWorks        string
	ModuleFailed, ModuleNext, ModuleOther       string
	CardUsable, NoUsable, NoUsableNext          string
	ChosenNext                                  string
	NoCard, InsertCard                          string
	CardUnknown, CardUnknownNext                string
	PINLocked, PINLockedNext                    string
	PINNotSet, PINNotSetNext                    string
	PINFinalTry, PINFinalTryNext, PINCountLow   string
	Certificate, CertificateIs, RenewCard       string
	Until, ExpiredOn, ValidFrom, OtherUse       string
	Display, NoDisplay, NoDisplayNext           string
	AgentsDisplay, DisplayUnknown               string
	Dialogs, NoDialogs, InstallDialogs          string
	MendPinentry, RunPinentry                   string
	AgentNotAsked, AskInSession, StartAnew      string
	KeyringUnknown, AgentStarting, AskAgain     string
	OwnWindow, NoWindow                         string
	KeyringOpen, KeyringLocked, UnlockKeyring   string
	NoKeyring, InstallKeyring                   string
	KeyringSlow, KeyringRefused, RestartKeyring string
	AgentRuns, AgentWSS, NoAgent, StartAgent    string
	AgentReplaced, AgentSilent, RestartAgent    string
	AgentAnswers, AgentWSSAt, AgentNoWSS        string
	NoFreePort, MorePorts, PortsUnknown         string
	PortTaken, PortTakenNext                    string
	PortSomebody, PortOther                     string
	Autostarts, NoAutostart, AutostartNext      string
	AutostartBroken, AutostartUnknown           string
	NoPortals, NoBrowser, PolicyInForce         string
	PortalsLocal                                string
	PolicyMissing, WritePolicy, BrowserAsks     string
	PolicyBlocks, UnblockPolicy                 string
	PolicyFlatpak, FlatpakNext                  string
	PolicyMalformed, MendPolicy, PolicyUnknown  string
	WSSOff, WSSReady, WSSEnds, WSSInstall       string
	WSSFailed, WSSNotTrusted, WSSLeft           string
	WSSLeftNext, WSSNotNeeded, WSSRemove        string
}

var texts = map[string]words{
	"fr": {
		Failed:      "L’examen « %s » a échoué : %v",
		Report:      "Signalez-le avec ce rapport.",
		Late:        "L’examen « %s » n’a pas répondu en %v.",
		LateNext:    "Débranchez puis rebranchez le lecteur, redémarrez le poste si cela persiste, et signalez-le avec ce rapport.",
		LateKeyring: "Rouvrez la session, puis relancez cet examen ; si cela persiste, signalez-le avec ce rapport : le trousseau de clés ou un magasin de certificats ne répond pas.",

		SettingsTaken:   "Tous les réglages sont appliqués.",
		SettingNotTaken: "Réglage non appliqué : %s, ligne %d, %s : %s",
		SettingsBad:     "Les réglages ne peuvent être lus, et CPx Bridge ne démarre pas : %v",
		MendSettings:    "Corrigez ce fichier, ou faites-le corriger par votre administrateur.",
		SettingNext:     "Retirez cette ligne, ou demandez à votre administrateur.",

		NoPCSCLibrary: "La bibliothèque des lecteurs de cartes (PC/SC) manque.",
		InstallPCSC:   "Installez les paquets pcscd et libpcsclite1.",
		NoPCSC:        "Le service des lecteurs de cartes (PC/SC) ne répond pas.",
		StartPCSC:     "Démarrez-le : « systemctl start pcscd.socket » ; sous Windows, branchez le lecteur : le service « Carte à puce » démarre avec lui.",
		NoReader:      "Aucun lecteur de cartes n’est branché.",
		PlugReader:    "Branchez le lecteur, de préférence sans concentrateur USB.",
		PCSCRuns:      "Le service des lecteurs de cartes fonctionne.",
		ReaderEmpty:   "Lecteur %s : vide.",
		ReaderCard:    "Lecteur %s : une carte est présente.",

		NoModule:      "Aucun module de carte n’est installé.",
		InstallModule: "Installez la Cryptolib CPS, ou OpenSC. Emplacements connus : %s",
		ModuleWorks:   "Module %s : fonctionne (%s).",
		ModuleFailed:  "Module %s : ne fonctionne pas (%s).",
		ModuleNext:    "Réinstallez ce module, ou corrigez « modules » dans les réglages.",
		ModuleOther:   "Ce fichier n’est pas un module de carte : corrigez « modules » dans les réglages.",

		CardUsable:      "Une carte permet de s’identifier.",
		NoUsable:        "Aucun certificat de cette carte ne permet de s’identifier.",
		NoUsableNext:    "Essayez une autre carte, ou demandez à l’organisme qui l’a remise.",
		ChosenNext:      "La prochaine connexion prendra ce certificat et échouera, bien qu’un autre soit utilisable : choisissez l’autre avec « cpx-agent certs use », ou par le menu, ou rendez celui-ci utilisable.",
		NoCard:          "Aucune carte n’est insérée.",
		InsertCard:      "Insérez une carte, puis relancez cet examen.",
		CardUnknown:     "Lecteur %s : le module ne reconnaît pas cette carte.",
		CardUnknownNext: "Vérifiez le sens de la carte, essayez une autre carte, ou un autre module.",

		PINLocked:       "Lecteur %s : le code porteur de la carte est bloqué.",
		PINLockedNext:   "Débloquez-le avec le code de déblocage, dans l’outil de l’Agence du Numérique en Santé.",
		PINNotSet:       "Lecteur %s : la carte n’a pas encore de code porteur.",
		PINNotSetNext:   "Activez la carte avec le courrier qui l’accompagnait.",
		PINFinalTry:     "Lecteur %s : il ne reste qu’un essai avant le blocage du code porteur.",
		PINFinalTryNext: "Retrouvez le code avant de le saisir.",
		PINCountLow:     "Lecteur %s : un code faux a été saisi ; un code juste remet le compte à zéro.",

		Certificate:   "certificat",
		CertificateIs: "Lecteur %s, certificat %d (%s) : %s.",
		Until:         "%s, valable jusqu’au %s",
		ExpiredOn:     "a expiré le %s",
		ValidFrom:     "n’est valable qu’à partir du %s",
		OtherUse:      "sert à autre chose qu’à s’identifier, comme signer ; c’est normal",
		RenewCard:     "Demandez le renouvellement de la carte.",

		Display:        "Un écran répond.",
		NoDisplay:      "Aucun écran ne répond : ni menu, ni fenêtre.",
		AgentsDisplay:  "CPx Bridge, en marche, a un écran ; cet examen n’en a pas.",
		DisplayUnknown: "Cet examen n’a pas d’écran, et aucun CPx Bridge en marche n’en a : on ne peut dire d’ici si les fenêtres s’ouvrent.",
		NoDisplayNext:  "Lancez cet examen dans la session graphique de la personne, sous son nom ; à distance : sudo -u PERSONNE XDG_RUNTIME_DIR=/run/user/UID DISPLAY=:0 cpx-agent doctor",

		Dialogs:        "Programme de saisie du code : %s",
		OwnWindow:      "Toutes les autres questions : fenêtre de CPx Bridge",
		NoWindow:       "Ce programme pose aussi toutes les autres questions.",
		NoDialogs:      "Aucun programme ne peut demander le code porteur.",
		MendPinentry:   "Le programme « pinentry » des réglages, %s, n’existe pas : corrigez ce réglage ou retirez-le.",
		RunPinentry:    "Le programme « pinentry » des réglages, %s, ne peut pas être lancé : rendez-le exécutable pour tous, corrigez ce réglage ou retirez-le.",
		InstallDialogs: "Installez pinentry-gnome3, pinentry-qt ou pinentry-gtk2.",

		KeyringOpen:    "Le trousseau de clés est ouvert.",
		KeyringLocked:  "Le trousseau de clés est verrouillé : aucun site n’est mémorisé.",
		UnlockKeyring:  "Déverrouillez-le, ou ouvrez la session par mot de passe.",
		NoKeyring:      "Ce poste n’a pas de trousseau de clés : aucun site n’est mémorisé.",
		InstallKeyring: "Installez gnome-keyring ou KWallet, puis rouvrez la session.",
		KeyringUnknown: "Cet examen n’appartient à aucune session : on ne peut dire d’ici si un trousseau de clés est ouvert.",
		KeyringSlow:    "Le trousseau de clés ne répond pas.",
		KeyringRefused: "Le trousseau de clés refuse l’accès.",
		RestartKeyring: "Rouvrez la session.",

		AgentRuns:     "CPx Bridge fonctionne sur le port %d.",
		AgentWSS:      "CPx Bridge sert aussi wss, sur le port %d.",
		NoAgent:       "CPx Bridge ne fonctionne pas.",
		StartAgent:    "Lancez « cpx-agent ».",
		AgentReplaced: "CPx Bridge fonctionne sur le port %d, mais il a été mis à jour depuis.",
		AgentAnswers:  "CPx Bridge fonctionne : %s",
		AgentWSSAt:    "CPx Bridge sert aussi wss : %s",
		AgentNoWSS:    "wss est activé, mais CPx Bridge ne le sert pas. %s",
		AgentStarting: "CPx Bridge est en train de démarrer.",
		AskAgain:      "Relancez cet examen.",
		AgentSilent:   "CPx Bridge fonctionne, mais ne répond pas.",
		AgentNotAsked: "CPx Bridge fonctionne, mais ne peut être interrogé d’ici : il appartient à une autre session, ou à un autre dossier XDG_RUNTIME_DIR.",
		AskInSession:  "Ne l’arrêtez pas. Lancez cet examen dans la session de la personne, ou avec son dossier : XDG_RUNTIME_DIR=/run/user/UID cpx-agent doctor",
		StartAnew:     "Quittez-le par son menu quand personne ne s’identifie, puis lancez « cpx-agent ».",
		RestartAgent:  "Quittez-le par son menu, ou arrêtez son processus, puis lancez « cpx-agent ».",
		NoFreePort:    "Tous les ports de %d à %d sont pris : CPx Bridge ne peut pas démarrer.",
		MorePorts:     "Augmentez « count » dans [ports] des réglages, ou arrêtez les programmes qui les tiennent.",
		PortsUnknown:  "Ce poste ne dit pas qui tient les ports",
		PortTaken:     "Le port %d est tenu par un autre programme : %s (processus %d).",
		PortTakenNext: "Si ce programme vous est inconnu, arrêtez-le et prévenez votre administrateur : il pourrait se faire passer pour CPx Bridge.",
		PortSomebody:  "Le port %d est tenu par un de vos programmes, dont le nom n’est pas visible.",
		PortOther:     "Le port %d est tenu par une autre personne du poste (%s) : c’est normal si elle utilise CPx Bridge.",

		Autostarts:       "CPx Bridge démarre avec la session (%s).",
		NoAutostart:      "CPx Bridge ne démarre pas avec la session.",
		AutostartNext:    "Lancez « cpx-agent autostart enable ».",
		AutostartBroken:  "%s démarre un programme qui manque : %s",
		AutostartUnknown: "On ne peut pas dire si CPx Bridge démarre avec la session (%v).",

		NoPortals:       "Les réglages ne nomment aucun portail : les navigateurs demandent une fois par site.",
		PortalsLocal:    "Tous les portails des réglages sont servis par ce poste : les navigateurs ne posent pas de question pour eux.",
		NoBrowser:       "Aucun navigateur connu n’est installé.",
		PolicyInForce:   "%s : la règle du navigateur couvre tous les portails des réglages.",
		PolicyMissing:   "%s : le navigateur posera sa question pour %s",
		WritePolicy:     "Écrivez la règle, avec les droits d’administrateur ; elle remplace la précédente : cpx-agent policy browsers %s --write",
		BrowserAsks:     "%s : pas de règle de l’administrateur ; le navigateur demande une fois par site.",
		PolicyBlocks:    "%s : une règle du navigateur interdit l’agent à des portails des réglages : %d (%s).",
		UnblockPolicy:   "Faites-les retirer, par l’administrateur, de LoopbackNetworkBlockedForUrls ou LocalNetworkAccessBlockedForUrls.",
		PolicyFlatpak:   "%s, installé par Flatpak : il peut ne pas lire les règles du poste, et demander alors une fois par site.",
		FlatpakNext:     "Vérifiez dans ce navigateur (about:policies ou chrome://policy), ou installez-le par les paquets du système.",
		PolicyMalformed: "%s : le fichier de règles %s est mal formé ; le navigateur n’en lit rien.",
		MendPolicy:      "Corrigez ce fichier.",
		PolicyUnknown:   "%s : les règles du navigateur ne peuvent être lues ici (%v).",

		WSSOff:        "wss n’est pas activé : seul Safari en a besoin.",
		WSSReady:      "wss : certificat valable jusqu’au %s.",
		WSSEnds:       "wss : le certificat arrive à son terme le %s.",
		WSSInstall:    "Lancez « cpx-agent wss install ».",
		WSSFailed:     "wss ne peut être servi. %s",
		WSSNotTrusted: "wss : le certificat n’est plus reconnu par %s.",
		WSSLeft:       "wss : %d ancien(s) certificat(s) encore reconnu(s).",
		WSSLeftNext:   "Lancez « cpx-agent wss install » ou « cpx-agent wss remove ».",
		WSSNotNeeded:  "wss n’est pas activé, mais son certificat est encore reconnu sur ce poste.",
		WSSRemove:     "Lancez « cpx-agent wss remove », ou activez wss dans les réglages.",
	},
	"en": {
		Failed:      "The check “%s” failed: %v",
		Report:      "Report it together with this text.",
		Late:        "The check “%s” did not answer within %v.",
		LateNext:    "Unplug the reader and plug it in again, restart the workstation if it stays so, and report it together with this text.",
		LateKeyring: "Log in to the desktop again, then run this again; if it stays so, report it together with this text: the keyring or a store of certificates does not answer.",

		SettingsTaken:   "All settings are taken.",
		SettingNotTaken: "A setting is not taken: %s, line %d, %s: %s",
		SettingsBad:     "The settings cannot be read, and CPx Bridge does not start: %v",
		MendSettings:    "Mend this file, or have your administrator do so.",
		SettingNext:     "Take this line out, or ask your administrator.",

		NoPCSCLibrary: "The library for card readers (PC/SC) is missing.",
		InstallPCSC:   "Install the packages pcscd and libpcsclite1.",
		NoPCSC:        "The service for card readers (PC/SC) does not answer.",
		StartPCSC:     "Start it: `systemctl start pcscd.socket`; on Windows connect the reader: the service “Smart Card” starts with it.",
		NoReader:      "No card reader is plugged in.",
		PlugReader:    "Plug the reader in, without a USB hub if possible.",
		PCSCRuns:      "The service for card readers runs.",
		ReaderEmpty:   "Reader %s: empty.",
		ReaderCard:    "Reader %s: a card is in it.",

		NoModule:      "No card module is installed.",
		InstallModule: "Install the Cryptolib CPS, or OpenSC. Known places: %s",
		ModuleWorks:   "Module %s: works (%s).",
		ModuleFailed:  "Module %s: does not work (%s).",
		ModuleNext:    "Install this module again, or mend “modules” in the settings.",
		ModuleOther:   "This file is no card module: mend “modules” in the settings.",

		CardUsable:      "A card can be used to log in.",
		NoUsable:        "No certificate on this card can be used to log in.",
		NoUsableNext:    "Try another card, or ask who issued it.",
		ChosenNext:      "The next login will take this certificate and fail, though another one is usable: choose the other one with `cpx-agent certs use`, or in the menu, or make this one usable.",
		NoCard:          "No card is inserted.",
		InsertCard:      "Insert a card, then run this again.",
		CardUnknown:     "Reader %s: the module does not know this card.",
		CardUnknownNext: "Check which way round the card is, try another card, or another module.",

		PINLocked:       "Reader %s: the card’s PIN is locked.",
		PINLockedNext:   "Unlock it with the unlocking code, in the tool of the Agence du Numérique en Santé.",
		PINNotSet:       "Reader %s: the card has no PIN yet.",
		PINNotSetNext:   "Activate the card with the letter that came with it.",
		PINFinalTry:     "Reader %s: one try is left before the card’s PIN is locked.",
		PINFinalTryNext: "Find the PIN before you type it.",
		PINCountLow:     "Reader %s: a wrong PIN was typed; a right one sets the count back.",

		Certificate:   "certificate",
		CertificateIs: "Reader %s, certificate %d (%s): %s.",
		Until:         "%s, valid until %s",
		ExpiredOn:     "expired on %s",
		ValidFrom:     "is valid from %s only",
		OtherUse:      "is for something other than logging in, such as signing; that is as it should be",
		RenewCard:     "Have the card renewed.",

		Display:        "A display answers.",
		NoDisplay:      "No display answers: there is neither menu nor window.",
		AgentsDisplay:  "CPx Bridge, which runs, has a display; this check has none.",
		DisplayUnknown: "This check has no display, and no CPx Bridge that runs has one: from here it cannot be told whether windows open.",
		NoDisplayNext:  "Run this in the person’s graphical session, as that person; from afar: sudo -u PERSON XDG_RUNTIME_DIR=/run/user/UID DISPLAY=:0 cpx-agent doctor",

		Dialogs:        "Program that asks for the PIN: %s",
		OwnWindow:      "All other questions: CPx Bridge’s own window",
		NoWindow:       "That program asks all other questions too.",
		NoDialogs:      "No program can ask for the PIN.",
		MendPinentry:   "The program “pinentry” of the settings, %s, does not exist: mend that setting or take it out.",
		RunPinentry:    "The program “pinentry” of the settings, %s, cannot be run: make it executable for everyone, or mend that setting or take it out.",
		InstallDialogs: "Install pinentry-gnome3, pinentry-qt or pinentry-gtk2.",

		KeyringOpen:    "The keyring is open.",
		KeyringLocked:  "The keyring is locked: no site is remembered.",
		UnlockKeyring:  "Unlock it, or log in to the desktop with the password.",
		NoKeyring:      "This workstation has no keyring: no site is remembered.",
		InstallKeyring: "Install gnome-keyring or KWallet, then log in to the desktop again.",
		KeyringUnknown: "This check belongs to no session: from here it cannot be told whether a keyring is open.",
		KeyringSlow:    "The keyring does not answer.",
		KeyringRefused: "The keyring refuses access.",
		RestartKeyring: "Log in to the desktop again.",

		AgentRuns:     "CPx Bridge runs on port %d.",
		AgentWSS:      "CPx Bridge serves wss too, on port %d.",
		NoAgent:       "CPx Bridge does not run.",
		StartAgent:    "Run `cpx-agent`.",
		AgentReplaced: "CPx Bridge runs on port %d, but was upgraded since it started.",
		AgentAnswers:  "CPx Bridge runs: %s",
		AgentWSSAt:    "CPx Bridge serves wss too: %s",
		AgentNoWSS:    "wss is switched on, but CPx Bridge does not serve it. %s",
		AgentStarting: "CPx Bridge is starting.",
		AskAgain:      "Run this again.",
		AgentSilent:   "CPx Bridge runs, but does not answer.",
		AgentNotAsked: "CPx Bridge runs, but cannot be asked from here: it belongs to another session, or to another XDG_RUNTIME_DIR.",
		AskInSession:  "Do not end it. Run this in the person’s session, or with its folder: XDG_RUNTIME_DIR=/run/user/UID cpx-agent doctor",
		StartAnew:     "Quit it in its menu while nobody logs in, then run `cpx-agent`.",
		RestartAgent:  "Quit it in its menu, or end its process, then run `cpx-agent`.",
		NoFreePort:    "All ports from %d to %d are taken: CPx Bridge cannot start.",
		MorePorts:     "Raise “count” under [ports] in the settings, or end the programs that hold them.",
		PortsUnknown:  "This workstation does not tell who holds the ports",
		PortTaken:     "Port %d is held by another program: %s (process %d).",
		PortTakenNext: "If you do not know this program, end it and tell your administrator: it could pass itself off as CPx Bridge.",
		PortSomebody:  "Port %d is held by one of your programs, whose name cannot be seen.",
		PortOther:     "Port %d is held by another person on this machine (%s): that is right if they use CPx Bridge.",

		Autostarts:       "CPx Bridge starts with the desktop (%s).",
		NoAutostart:      "CPx Bridge does not start with the desktop.",
		AutostartNext:    "Run `cpx-agent autostart enable`.",
		AutostartBroken:  "%s starts a program that is missing: %s",
		AutostartUnknown: "It cannot be told whether CPx Bridge starts with the desktop (%v).",

		NoPortals:       "The settings name no portal: browsers ask once for each site.",
		PortalsLocal:    "All portals of the settings are served by this machine: browsers ask no question for them.",
		NoBrowser:       "No browser that is known is installed.",
		PolicyInForce:   "%s: the browser’s policy covers all portals of the settings.",
		PolicyMissing:   "%s: the browser will ask its question for %s",
		WritePolicy:     "Write the policy, as an administrator; it takes the place of the one before: cpx-agent policy browsers %s --write",
		BrowserAsks:     "%s: no policy of an administrator; the browser asks once for each site.",
		PolicyBlocks:    "%s: a policy of the browser forbids the agent to portals of the settings: %d (%s).",
		UnblockPolicy:   "Have an administrator take them out of LoopbackNetworkBlockedForUrls or LocalNetworkAccessBlockedForUrls.",
		PolicyFlatpak:   "%s, installed as a Flatpak: it may not read the policies of this workstation, and then asks once for each site.",
		FlatpakNext:     "Look in this browser (about:policies or chrome://policy), or install it from the system’s packages.",
		PolicyMalformed: "%s: the policy file %s is malformed; the browser reads nothing of it.",
		MendPolicy:      "Mend this file.",
		PolicyUnknown:   "%s: the browser’s policies cannot be read here (%v).",

		WSSOff:        "wss is not switched on: only Safari needs it.",
		WSSReady:      "wss: certificate valid until %s.",
		WSSEnds:       "wss: the certificate ends on %s.",
		WSSInstall:    "Run `cpx-agent wss install`.",
		WSSFailed:     "wss cannot be served. %s",
		WSSNotTrusted: "wss: the certificate is not trusted any more by %s.",
		WSSLeft:       "wss: older certificates that are still trusted: %d.",
		WSSLeftNext:   "Run `cpx-agent wss install` or `cpx-agent wss remove`.",
		WSSNotNeeded:  "wss is not switched on, but its certificate is still trusted on this workstation.",
		WSSRemove:     "Run `cpx-agent wss remove`, or switch wss on in the settings.",
	},
}

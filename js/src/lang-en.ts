import type { Language } from "./language";
import { sentenceOf } from "./words";

const retryHint = "Please try again.";
const support = "If this keeps happening, tell your IT support.";
const supportHint = "Tell your IT support.";

const stopped = "The agent is not running: open “CPx Bridge” in the applications menu (on Windows, the Start menu), then try again.";
const absent = "The agent is not installed (the applications menu has no “CPx Bridge”): have it installed on this computer.";
const blocked = "The agent is running, but this site is not allowed on this computer, or a browser extension or security software keeps it from being reached: try another browser, or tell your IT support.";
const causes = "The possible causes, the most likely first:";

export const texts: Language["texts"] = {
  // From the agent.
  cancelled: ["The login was cancelled.", "Nothing was sent. You can start again."],
  consent_denied: ["You did not allow this site to use your card.", "Start again and accept the request if you want to log in here. If you are not asked, open the menu of CPx Bridge, “Refused sites”, and click on this domain."],
  timeout: ["The time allowed has run out.", "Start again and answer the windows that open on your computer."],
  busy: ["Another login is already under way on this computer.", "Answer in the CPx Bridge window that is open, or cancel there, then try again. If you see none, look behind the other windows, or wait a few minutes."],
  "busy.pause": ["Too many requests were refused, left without an answer or taken back on this computer.", "Wait {retryAfter}, then try again. Where the menu of CPx Bridge offers to go on, you can do so at once."],
  no_reader: ["No card reader was found.", "Plug in the reader, wait a few seconds, then try again."],
  "no_reader.no_permission": ["The service for card readers refuses this session: it is a remote one, or not active.", "Log in at the computer that the reader is plugged into, then try again. Tell your IT support."],
  "no_reader.no_service": ["This computer’s service for card readers does not answer.", "Restart the computer. If it happens again, tell your IT support."],
  no_card: ["No card was found in the reader.", "Insert your card, chip first, then try again."],
  card_unsupported: ["This card is not recognised.", "Check that it is your CPS, CPF, CPE or CPA card and that it is the right way round."],
  "card_unsupported.mute": ["The card does not answer.", "Take it out, check which way round it is, wipe the chip, insert it again, then try again. " + support],
  card_removed: ["The card was removed.", "Put it back and leave it in the reader until the end, then try again."],
  no_certificate: ["This card cannot be used to log in.", "Check that you are using your own card, or tell your IT support."],
  "no_certificate.expired": ["Your card has expired.", "Use your new card. If you have not received it, contact the body that issues it."],
  "no_certificate.not_yet_valid": ["Your card is not valid yet.", "Check this computer’s date and time; if they are right, use your previous card."],
  "no_certificate.not_for_authentication": ["This card holds no authentication certificate.", "Use the card that you log in with."],
  "no_certificate.key_without_pin": ["The card was read without contact.", "Insert it in the reader: logging in needs your PIN."],
  "no_certificate.hidden": ["This card shows no certificate before its PIN is entered.", "Tell your IT support: the card needs an authentication certificate that can be read without a PIN."],
  "no_certificate.unreadable": ["This card’s certificate cannot be read.", "Tell the body that issues the card."],
  "no_certificate.no_key": ["The key of your certificate was not found on this card.", "Take the card out, put it back, then try again. If this keeps happening, contact the body that issues it: the card has to be replaced."],
  "no_certificate.key_unsupported": ["This card’s key cannot be used to log in.", "Its kind or its size is not supported: use another card, or tell your IT support."],
  card_changed: ["The card in the reader is no longer the one that was chosen.", "Put the chosen card back, or start again with this one."],
  pin_locked: ["This card’s PIN is locked.", "Have the card unlocked with its unlocking code, or contact the body that issues it."],
  "pin_locked.locked_or_in_use": ["The PIN is locked, or another program keeps the card for itself.", "Close the other programs that use the card, then try again. " + support],
  pin_incorrect: ["The PIN was incorrect.", "Check your PIN before trying again: the card locks after several errors."],
  "pin_incorrect.some": ["The PIN was incorrect.", "{triesLeft} tries are left before the card locks. Check your PIN before trying again."],
  "pin_incorrect.one": ["The PIN was incorrect.", "Only one try is left before the card locks. If in doubt, do not try again and ask for help."],
  pin_not_set: ["This card’s PIN has not been set yet.", "Activate your card first, as the letter that came with it explains."],
  "pin_not_set.pin_expired": ["This card’s PIN must be changed first.", "Change it in the card’s own tool (for a CPS card, that of the Agence du Numérique en Santé), then try again. No try was counted."],
  module_failed: ["The card’s software did not answer properly.", "Remove the card, put it back, then try again. " + support],
  "module_failed.hanging": ["The card’s software does not answer.", "Close the other programs that use the card, unplug the reader and plug it in again, then try again. If that does not help, restart the computer. " + support],
  "module_failed.stale_cache": ["The card’s software presents another card’s data.", "Trying again will not change that: tell your IT support, who must empty that software’s cache (“cpx-agent doctor” says where)."],
  no_module: ["The card’s software is not installed on this computer.", supportHint],
  "no_module.not_pkcs11": ["The file set as the card’s software is something else.", "Tell your IT support: the agent’s setting “modules” must be mended."],
  "no_module.missing_dependency": ["The card’s software on this computer lacks a component.", "Tell your IT support: “cpx-agent doctor” names what is missing."],
  "no_module.wrong_architecture": ["The card’s software is not the version that this computer needs.", "Tell your IT support: mostly it is the 64-bit version that is needed."],
  "no_module.not_loadable": ["The card’s software could not be loaded.", "Tell your IT support: “cpx-agent doctor” says why."],
  "no_module.untrusted_owner": ["The card’s software was not loaded, because it is not protected: others than the administrator could change it.", "Tell your IT support: “cpx-agent doctor” says how to protect it."],
  prompt_failed: ["The window for your PIN could not be opened.", supportHint],
  "prompt_failed.untrusted_owner": ["The program that asks for the PIN was not started, because it is not protected: others than the administrator could change it.", "Tell your IT support: “cpx-agent doctor” says how to protect it."],
  internal: ["The agent met an unexpected error.", retryHint + " " + support],
  invalid_params: ["The agent did not accept this page’s request.", "Reload the page, then try again. " + support],
  protocol_error: ["The agent’s answer was not understood.", retryHint + " " + support],

  // From the page.
  no_agent: ["No agent answered this page.", causes, absent, stopped, blocked],
  "no_agent.known": ["No agent answered this page.", causes, stopped, blocked, absent],
  "no_agent.handheld": ["A telephone or a tablet cannot read your card.", "Open this page on a computer that has a card reader and CPx Bridge."],
  "no_agent.safari": ["No agent answered this page in Safari.", "Open it in Firefox, Chrome or Edge: Safari needs a setting of this computer, which only your IT support can make. " + causes, absent, stopped, blocked],
  permission_denied: ["The browser does not let this site reach the agent.", "Click left of the site’s address and switch on “Apps on device” (in Firefox: click the cross beside “Access this device”), then try again. If the setting is locked, tell your IT support."],
  "permission_denied.frame": ["The browser does not let this page reach the agent.", "Click left of the site’s address and switch on “Apps on device” (in Firefox: click the cross beside “Access this device”), then try again. If nothing is set there, open the portal in a tab of its own."],
  permission_dismissed: ["The browser’s question was not answered.", "Try again and choose “Allow” when the browser asks whether this site may access other apps and services on this device."],
  permission_pending: ["The browser does not have your answer yet.", "If it asks whether this site may access other apps and services on this device, choose “Allow”, then try again. If it asks nothing, open “CPx Bridge” in the applications menu, then try again."],
  policy_blocked: ["The portal’s settings keep it from reaching the agent.", "Tell the portal’s support: its Permissions-Policy header must not forbid “loopback-network”."],
  "policy_blocked.frame": ["The page that shows this portal keeps it from reaching the agent.", "Open the portal in a tab of its own, or tell the site’s support: its frame must carry “allow=\"loopback-network\"”."],
  challenge_expired: ["The login took too long.", "For your security it is no longer valid. Click once to start again."],
  challenge_failed: ["The portal could not begin the login.", "Check your network connection, then try again in a moment."],
  "challenge_failed.pause": ["The portal is receiving too many requests.", "Wait {retryAfter}, then try again."],
  aborted: ["The login was interrupted.", "You can start again."],
  insecure_context: ["This page is not protected.", "Open the portal by its https address, then try again."],
  csp_blocked: ["The portal’s settings keep it from reaching the agent.", "Tell the portal’s support: its Content-Security-Policy must allow “connect-src ws://127.0.0.1:*”."],
  "csp_blocked.safari": ["The portal’s settings keep it from reaching the agent in Safari.", "Open this page in Firefox, Chrome or Edge, or tell the portal’s support: its Content-Security-Policy must allow “connect-src wss://localhost:*”."],
  agent_lost: ["The connection with the agent was lost.", "Try again. If no agent answers then, open “CPx Bridge” in the applications menu."],
  agent_too_old: ["The agent on this computer is too old for this site.", "Update it, or ask your IT support to, then try again."],
  page_too_old: ["The agent on this computer is newer than this site.", "Tell the portal’s support: its page must be updated."],

  // From the portal.
  login_refused: ["The portal refused the login.", retryHint + " " + support],
  "login_refused.pause": ["The portal has received too many tries.", "Wait {retryAfter}, then try again."],
  "login_refused.too_many_requests": ["The portal has received too many tries.", "Wait a few minutes, then try again."],
  "login_refused.unreachable": ["The portal could not be reached.", "Check your network connection, then try again."],
  "login_refused.unexpected_answer": ["The portal did not answer as expected.", "Reload the page, then try again. " + support],
  "login_refused.untrusted_ca": ["The portal does not accept cards of this issuer.", "Check that you are using the right card, then tell the portal’s support."],
  "login_refused.issuer_not_allowed": ["By its issuer’s certificates, this card is not for logging in at this portal.", "Check that you are using the right card, then tell the portal’s support."],
  "login_refused.expired": ["Your card has expired.", "Use your new card. If you have not received it, contact the body that issues it."],
  "login_refused.not_yet_valid": ["Your card is not valid yet.", "Use your previous card, or come back once this one is valid."],
  "login_refused.test_card_refused": ["This is a test card.", "The portal accepts real cards only: use your own."],
  "login_refused.revoked": ["This card has been revoked.", "It can no longer be used. Use your new card, or contact the body that issues it."],
  "login_refused.revocation_unknown": ["The portal could not check whether your card is revoked.", "Try again in a few minutes. " + support],
  "login_refused.refused_policy": ["The portal does not accept this kind of card.", "Use your personal card, inserted in the reader."],
  "login_refused.missing_policy": ["The portal does not accept this kind of card.", "Check that you are using the right card, then tell the portal’s support."],
  "login_refused.wrong_key_usage": ["This certificate is not meant for logging in.", "Start again and choose the authentication certificate."],
  "login_refused.wrong_extended_key_usage": ["This certificate is not meant for logging in.", "Start again and choose the authentication certificate."],
  "login_refused.weak_key": ["This card’s key is too weak for the portal.", "Ask the body that issues it for a newer card."],
  "login_refused.algorithm_refused": ["The portal does not accept this card’s signature.", "Tell the portal’s support."],
  "login_refused.bad_signature": ["The card’s signature could not be verified.", retryHint + " Check that the portal’s address is the right one. " + support],
  "login_refused.malformed_token": ["The portal did not understand the card’s answer.", retryHint + " " + support],
  "login_refused.malformed_request": ["The portal did not understand what this page sent.", retryHint + " " + support],
  "login_refused.malformed_certificate": ["The portal could not read the card’s certificate.", "Tell the portal’s support."],
  "login_refused.unreadable_certificate": ["This card’s certificate cannot be read.", "Tell the body that issues the card, and name this portal."],
  "login_refused.unsupported_format": ["The agent on this computer and this portal have versions that do not match.", "Ask your IT support to update the agent."],
  "login_refused.origin_invalid": ["The portal’s address is not the expected one.", "Open the portal by its usual address. If that does not help, tell its support."],
  "login_refused.csrf_failed": ["This page has been open for too long.", "Reload it, then begin again. " + support],
  "login_refused.no_session": ["The browser did not keep this site’s session.", "If the portal stands in another site’s page, open it in a tab of its own. Else allow this site’s cookies, then try again."],
  "login_refused.nonce_length": ["The portal could not begin the login.", "Tell the portal’s support."],
  "login_refused.card_attached_elsewhere": ["This card is already attached to another account.", "Log in to that account, or ask the portal’s support to detach the card."],

  unknown: ["The login did not succeed.", retryHint + " " + support],
};

export const progress: Language["progress"] = {
  searching: "Looking for the agent on this computer…",
  "permission-prompt": "Your browser may ask whether this site may access other apps and services on this device. Choose “Allow”: that is how the site reaches your card reader.",
  "waiting-for-permission": "Answer the browser’s question, at the top of the window: choose “Allow”. That is how the site reaches your card reader.",
  "permission-overdue": "If your browser asks a question, choose “Allow”. If it asks none, cancel, open “CPx Bridge” in the applications menu, then try again.",
  "waiting-for-agent": "Waiting for the agent. If a CPx Bridge window is already open for another tab or another site, finish that login first: this page comes next.",
  "waiting-for-consent": "Check the site shown in the CPx Bridge window, then allow it.",
  "waiting-for-card": "Insert your card in the reader.",
  "choosing-certificate": "Choose your certificate in the CPx Bridge window.",
  "waiting-for-pin": "Enter your PIN as the CPx Bridge window says.",
  signing: "Checking your card…",
  done: "You are logged in.",
};

export const words: Language["words"] = {
  install: "Install the agent",
  help: "Help with logging in by card",
  cancel: "Cancel",
  retry: "Try again",
  reference: "Reference: ",
};

export const sentence: Language["sentence"] = (error) => sentenceOf(error, { texts, words });

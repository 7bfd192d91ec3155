/** The element's own style. The page's styles reach into it only by the properties --cpx-… and ::part. */
export const style = `
:host{display:block;line-height:1.45;--_color:var(--cpx-color,#0b5468);--_radius:var(--cpx-radius,8px);--_error:var(--cpx-error-color,#8c1d18)}
:host([hidden]),[hidden]{display:none!important}
button{font:inherit;font-weight:600;cursor:pointer;border-radius:var(--_radius)}
[part=button]{display:inline-flex;gap:.75em;align-items:center;padding:.8em 1.4em;background:var(--_color);color:var(--cpx-on-color,#fff);border:2px solid var(--_color)}
[part=button]:hover{background:var(--cpx-color-hover,#073b4a);border-color:var(--cpx-color-hover,#073b4a)}
[part=button][aria-disabled]{background:var(--cpx-color-busy,#5f7682);border-color:transparent;cursor:progress}
[part=icon]{flex:none;width:2em;height:1.5em}
:focus-visible{outline:3px solid var(--cpx-focus,#c26a00);outline-offset:2px}
[part=progress]{display:flex;gap:.75em;align-items:flex-start;margin:1em 0 .75em}
[part=spinner]{flex:none;box-sizing:border-box;width:1.3em;height:1.3em;border:3px solid var(--cpx-line,#ccd8e0);border-top-color:var(--_color);border-radius:50%;animation:t 1s linear infinite}
:host([state=done]) [part=spinner]{animation:none;border-color:var(--cpx-done,#1b7a43);position:relative}
:host([state=done]) [part=spinner]::after{content:"";position:absolute;left:.3em;top:.02em;width:.22em;height:.5em;border:solid var(--cpx-done,#1b7a43);border-width:0 .16em .16em 0;transform:rotate(45deg)}
:host([state|=permission]) [part=progress],:host([state=waiting-for-permission]) [part=progress]{padding:.8em 1em;background:var(--cpx-notice-background,#fff6dc);color:var(--cpx-notice-color,#4a3700);border-left:5px solid var(--cpx-focus,#c26a00);border-radius:4px}
[part=cancel]{padding:.45em 1em;background:0;color:var(--_color);border:1px solid;font-weight:400}
[part=error],[part=notice]{margin:1em 0 0;padding:.8em 1em;border-left:5px solid var(--_color);border-radius:4px}
[part=error]{background:var(--cpx-error-background,#fdecea);color:var(--_error);border-color:var(--_error)}
[part=title]{font-weight:700;margin:0}
[part=help]{margin:.3em 0 0}
ol{margin:.5em 0 0;padding-left:1.5em}
li{margin:.25em 0}
[part=reference]{margin:.6em 0 0;font-size:.875em}
[part=link]{display:table;margin-top:.6em;color:inherit;font-weight:600}
@keyframes t{to{transform:rotate(1turn)}}
@media(prefers-reduced-motion:reduce){[part=spinner]{animation:none}}
`;

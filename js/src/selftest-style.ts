/** The element's own style. The page's styles reach into it only by the properties --cpx-… and ::part. */
export const style = `
:host{display:block;line-height:1.45;--_color:var(--cpx-color,#0b5468);--_radius:var(--cpx-radius,8px);--_error:var(--cpx-error-color,#8c1d18);--_done:var(--cpx-done,#1b7a43);--_line:var(--cpx-line,#ccd8e0)}
:host([hidden]),[hidden]{display:none!important}
p{margin:.3em 0}
button{font:inherit;font-weight:600;cursor:pointer;border-radius:var(--_radius);padding:.6em min(1.2em,5vw);max-width:100%;box-sizing:border-box;overflow-wrap:anywhere;border:2px solid var(--_color);background:var(--_color);color:var(--cpx-on-color,#fff)}
button:hover{background:var(--cpx-color-hover,#073b4a);border-color:var(--cpx-color-hover,#073b4a)}
button[aria-disabled]{background:var(--cpx-color-busy,#5f7682);border-color:transparent;cursor:progress}
[part=cancel],[part=copy]{background:0;color:var(--_color);border:1px solid;font-weight:400}
[part=cancel]:hover,[part=copy]:hover{background:0;text-decoration:underline}
:focus-visible{outline:3px solid var(--cpx-focus,#c26a00);outline-offset:2px}
[part=steps]{list-style-position:inside;margin:1em 0;padding:0}
[part=step]{border-left:5px solid var(--_line);padding:.4em 0 .4em 1em;margin:0 0 .8em;list-style:none;overflow-wrap:anywhere}
[part=step][data-state=good]{border-color:var(--_done)}
[part=step][data-state=failed]{border-color:var(--_error);background:var(--cpx-error-background,#fdecea)}
[part=step][data-state=running]{border-color:var(--_color)}
[part=head]{margin:0}
[part=name]{font-weight:700}
[part=mark]{display:inline-block;width:1.3em;font-weight:700}
[data-state=good] :is([part=mark],[part=state]){color:var(--_done)}
[data-state=failed] :is([part=mark],[part=state],[part=title],[part=help]){color:var(--_error)}
[part=state]{font-weight:600}
[data-state=pending] [part=state]{font-weight:400}
[part=time]::before{content:" · "}
[part=time]:empty{display:none}
[part=time]{color:#50657a;white-space:nowrap}
[part=actions]{margin:.9em 0}
[part=title]{font-weight:700}
[part=reference]{font-weight:700}
[part=list]{margin:.5em 0;padding-left:1.5em}
[part=link]{display:table;margin-top:.4em;font-weight:600;color:var(--_color)}
[part=body]{padding-left:1.3em}
[part=offer],[part=login]{margin-left:1.3em}
[part=announcement]{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[part=summary]{font-weight:700;font-size:1.1em}
[part=label]{display:block;font-weight:700;margin-top:.8em}
textarea{box-sizing:border-box;width:100%;margin:.4em 0;padding:.6em;border:1px solid var(--_color);border-radius:4px;font:.9em ui-monospace,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere;resize:vertical;color:inherit;background:0}
@media print{button{display:none}textarea{border-color:var(--_line)}}
`;

export function gate() {
    let open = () => undefined;
    let fail = () => undefined;
    const opened = new Promise((resolve, reject) => {
        open = resolve;
        fail = reject;
    });
    return { opened, open, fail };
}

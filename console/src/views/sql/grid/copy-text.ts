/** Copies a text. A page that came without TLS has no clipboard, but may copy what is selected. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const taken = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  addEventListener('copy', taken, { once: true });
  try {
    return document.execCommand('copy');
  } finally {
    removeEventListener('copy', taken);
  }
}

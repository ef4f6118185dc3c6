import { useEffect, useState } from 'preact/hooks';
import { duration } from '../state/text.js';

/** How long ago something was, counted on. */
export function Seconds({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span class="number">{duration(Math.max(0, Math.round((now - since) / 1000) * 1000))}</span>;
}

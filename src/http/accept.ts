/** Which content types and encodings a client accepts, by its headers Accept and Accept-Encoding (RFC 9110, 12.5). Pure. */

interface Preference {
  readonly name: string;
  /** 0 = not at all, 1 = best. */
  readonly quality: number;
}

/** No client needs more; further entries are ignored. */
const PREFERENCES_MAX = 50;

/** The parts of `application/json;q=0.5, text/*`; malformed parts are left out. */
function preferences(header: string): Preference[] {
  return header
    .toLowerCase()
    .split(',', PREFERENCES_MAX)
    .flatMap((part) => {
      const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim());
      if (name === '') return [];
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      if (weight === undefined) return [{ name, quality: 1 }];
      return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? [{ name, quality: Number(weight) }] : [];
    });
}

/** Of the most specific entry that covers the type; 0 when none does. */
function qualityOfType(type: string, wanted: readonly Preference[]): number {
  const group = `${type.split('/', 1)[0]}/*`;
  for (const name of [type, group, '*/*']) {
    const found = wanted.find((preference) => preference.name === name);
    if (found) return found.quality;
  }
  return 0;
}

const NDJSON = 'application/x-ndjson';

/** NDJSON is sent only when the client names it and does not prefer one JSON text. */
export function wantsLines(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const wanted = preferences(accept);
  const lines = wanted.find(({ name }) => name === NDJSON)?.quality ?? 0;
  return lines > 0 && lines >= qualityOfType('application/json', wanted);
}

/** gzip is used only where the client names it (or `*`) and does not prefer no encoding. */
export function wantsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  const wanted = preferences(acceptEncoding);
  const qualityOf = (...names: string[]) => wanted.find(({ name }) => names.includes(name))?.quality;
  const gzip = qualityOf('gzip', 'x-gzip') ?? qualityOf('*') ?? 0;
  return gzip > 0 && gzip >= (qualityOf('identity') ?? 0);
}

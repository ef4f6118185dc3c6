/**
 * Which of a machine's package sources are the distribution's own. Pure: text in, text out.
 * Third-party sources are left out, so that a broken one cannot keep us from the server's packages.
 */

export interface Distribution {
  /** `debian`, `ubuntu`, or the like. */
  readonly id: string;
  /** `bookworm`, `noble`; '' where the release has none. */
  readonly codename: string;
  /** The machine's own release, where packages of another one (`codename`) are wanted. */
  readonly own?: string;
}

/** Another release of the machine's distribution. Its packages come from the same places, signed by the same authority. */
export function inRelease({ id, codename }: Distribution, wanted: string): Distribution {
  return wanted === codename ? { id, codename } : { id, codename: wanted, own: codename };
}

interface Source {
  readonly uris: string[];
  readonly suites: string[];
  readonly components: string[];
  /** Further fields, copied as they are. */
  readonly fields: Map<string, string>;
}

const ARCHIVE_KEYRING = /\/(debian|ubuntu|raspbian|devuan)[a-z-]*archive[a-z-]*\.(gpg|asc|pgp)$/;
const SUITE_ENDINGS = ['', '-updates', '-security', '/updates'];
const ROLLING = ['stable', 'testing', 'unstable', 'sid'];

/** From the text of /etc/os-release. */
export function parseOsRelease(text: string): Distribution & { family: boolean } {
  const field = (name: string) => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(text)?.[1]?.trim() ?? '';
  const names = `${field('ID')} ${field('ID_LIKE')}`.split(' ');
  return {
    id: field('ID'),
    codename: field('UBUNTU_CODENAME') || field('VERSION_CODENAME'),
    family: names.includes('debian') || names.includes('ubuntu'),
  };
}

/**
 * The distribution's own sources as one deb822 file.
 * @param files name and text of each file of sources; the name's ending tells its format.
 * @param keyring the distribution's archive keyring if it is installed; entries that name none are bound to it.
 */
export function ownSources(
  files: readonly { name: string; text: string }[],
  distribution: Distribution,
  keyring: string | null,
): string {
  const stanzas: string[] = [];
  for (const { name, text } of files) {
    const sources = name.endsWith('.sources') ? parseStanzas(text) : parseLines(text);
    for (const source of sources) {
      const suites = wantedSuites(source.suites, distribution);
      const signedBy = source.fields.get('Signed-By');
      if (suites.length === 0 || !source.components.includes('main')) continue;
      if (signedBy !== undefined && !ARCHIVE_KEYRING.test(signedBy.trim())) continue;
      const fields = new Map(source.fields);
      if (signedBy === undefined && keyring !== null && !fields.has('Trusted'))
        fields.set('Signed-By', keyring);
      stanzas.push(
        [
          'Types: deb',
          `URIs: ${source.uris.join(' ')}`,
          `Suites: ${suites.join(' ')}`,
          // The server is in Debian's main; in Ubuntu's main or universe, by release.
          `Components: ${source.components.filter((component) => ['main', 'universe'].includes(component)).join(' ')}`,
          ...[...fields].map(([field, value]) => `${field}: ${value}`),
        ].join('\n'),
      );
    }
  }
  return stanzas.length === 0 ? '' : `${stanzas.join('\n\n')}\n`;
}

/** Those of the distribution itself, under the name of the wanted release. */
function wantedSuites(suites: readonly string[], { codename, own }: Distribution): string[] {
  const machine = own ?? codename;
  const bases = machine === '' ? ROLLING : [machine, ...ROLLING];
  const wanted = suites.flatMap((suite) => {
    const ending = SUITE_ENDINGS.find((end) => bases.some((base) => suite === base + end));
    if (ending === undefined) return [];
    // A rolling release gets its updates and fixes in itself.
    if (own !== undefined && ending !== '' && ROLLING.includes(codename)) return [];
    return own === undefined ? suite : codename + ending;
  });
  return [...new Set(wanted)];
}

const KEPT_FIELDS = ['Signed-By', 'Trusted', 'Architectures', 'Check-Valid-Until'];

function parseStanzas(text: string): Source[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const all = new Map<string, string>();
      let last = '';
      for (const line of stanza.split('\n')) {
        const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
        if (match) {
          last = (match[1] ?? '').toLowerCase();
          all.set(last, match[2] ?? '');
        } else if (/^\s/.test(line) && last) all.set(last, `${all.get(last)}\n${line}`);
      }
      const words = (field: string) => (all.get(field) ?? '').split(/\s+/).filter(Boolean);
      if (!words('types').includes('deb') || /^(no|false|0)$/i.test(all.get('enabled')?.trim() ?? ''))
        return [];
      const fields = new Map<string, string>();
      for (const name of KEPT_FIELDS) {
        const value = all.get(name.toLowerCase());
        if (value !== undefined) fields.set(name, value);
      }
      return [{ uris: words('uris'), suites: words('suites'), components: words('components'), fields }];
    });
}

const OPTION_FIELDS: Record<string, string> = {
  'signed-by': 'Signed-By',
  trusted: 'Trusted',
  arch: 'Architectures',
  'check-valid-until': 'Check-Valid-Until',
};

function parseLines(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    if (!match) return [];
    const fields = new Map<string, string>();
    for (const option of (match[1] ?? '').split(/\s+/)) {
      const [name, value] = option.split('=');
      const field = OPTION_FIELDS[(name ?? '').toLowerCase()];
      if (field && value) fields.set(field, value.replaceAll(',', ' '));
    }
    return [
      {
        uris: [match[2] ?? ''],
        suites: [match[3] ?? ''],
        components: (match[4] ?? '').trim().split(/\s+/),
        fields,
      },
    ];
  });
}

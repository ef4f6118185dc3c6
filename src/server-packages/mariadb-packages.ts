import { ONLY_FOR_INSTALLING, present, type ServerTree } from './server-tree.js';

const INSTALL_HINT =
  'Install MariaDB yourself (on Debian and Ubuntu: apt-get install mariadb-server-core mariadb-client-core) or set SKEIN_SERVER to the path of a mariadbd.';

export const BACKUP_INSTALL_HINT =
  'Install it yourself (on Debian and Ubuntu: apt-get install mariadb-backup; elsewhere it is often part of the package mariadb-backup or mariadb-server-utils), in the version of the server.';

const PROGRAMS = [
  'mariadbd',
  'mariadb',
  'mariadb-admin',
  'mariadb-dump',
  'mariadb-binlog',
  'mariadb-upgrade',
  'mariadb-tzinfo-to-sql',
  'mariadb-backup',
  'mbstream',
];

export const mariadbTree: ServerTree = {
  programs: PROGRAMS,
  packages: {
    label: 'MariaDB',
    hint: INSTALL_HINT,
    prefix: 'mariadb-',
    choose(names) {
      const server = present(names, 'mariadb-server-core');
      if (server.length === 0) return null;
      return {
        closure: [...server, ...present(names, 'mariadb-client-core', 'mariadb-backup')],
        // The client depends on Perl as a whole; only its programs are wanted (mariadb-dump, mariadb-binlog), for convenience.
        // The zones come with the server, so that hosts of one distribution have the same; newer releases have them in two.
        alone: [...present(names, 'mariadb-client'), 'tzdata', 'tzdata-legacy'],
      };
    },
    notUnpacked: ONLY_FOR_INSTALLING,
  },
};

/**
 * `mariadb-backup` alone: beside a server that the host has, or that was fetched by a build which did not fetch this program.
 */
export const backupTree: ServerTree = {
  programs: PROGRAMS,
  packages: {
    label: 'mariadb-backup',
    hint: BACKUP_INSTALL_HINT,
    prefix: 'mariadb-',
    choose(names) {
      const backup = present(names, 'mariadb-backup');
      return backup.length === 0 ? null : { closure: backup, alone: [] };
    },
    notUnpacked: ONLY_FOR_INSTALLING,
  },
};

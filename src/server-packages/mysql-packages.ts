import { ONLY_FOR_INSTALLING, present, type ServerTree } from './server-tree.js';

/** Debian's packages of MySQL, which are in its rolling release only. */
export const mysqlTree: ServerTree = {
  programs: ['mysqld', 'mysql', 'mysqladmin', 'mysqldump', 'mysqlbinlog', 'mysql_tzinfo_to_sql'],
  packages: {
    label: 'MySQL',
    hint: 'Install MySQL yourself (from its makers: dev.mysql.com) and set SKEIN_SERVER to the path of its mysqld.',
    prefix: 'mysql-',
    choose(names) {
      // Where MariaDB provides these names, they are not among the names of packages.
      const server = present(names, 'mysql-server-core');
      if (server.length === 0) return null;
      // The zones come with the server, so that all hosts have the same.
      return {
        closure: [...server, ...present(names, 'mysql-client-core')],
        alone: ['tzdata', 'tzdata-legacy'],
      };
    },
    notUnpacked: ONLY_FOR_INSTALLING,
  },
};

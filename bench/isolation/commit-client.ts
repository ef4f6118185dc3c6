/** A process of its own that commits: one connection, one INSERT after the other, each a transaction. */
import mysql from 'mysql2/promise';
import { closedLoop, type LoopFigures } from '../throughput/closed-loop.js';
import type { Endpoint } from '../throughput/sysbench.js';
import { answerBench } from './helper.js';
import { becomeUrgent } from './urgent.js';

const SQL = 'INSERT INTO arrivals (k, c) VALUES (?, ?)';
const PARAMETERS = [7, 'a text of some length, as rows have them'];
/** The server has prepared the statement, and both ends know each other. */
const UNCOUNTED = 20;

let connection: mysql.Connection | null = null;
const request = async () => void (await connection?.execute(SQL, PARAMETERS));

becomeUrgent();
answerBench({
  open: async (endpoint: Endpoint) => {
    connection = await mysql.createConnection({ host: '127.0.0.1', ...endpoint, database: 'bench' });
    for (let i = 0; i < UNCOUNTED; i++) await request();
  },
  commit: (seconds: number): Promise<LoopFigures> => closedLoop([{ request, close: () => {} }], seconds),
  close: () => {
    connection?.destroy();
    connection = null;
  },
});

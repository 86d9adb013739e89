import type { AddressInfo } from 'node:net';
import { RedisConfig, RedisManager } from 'redis-utils';
import { WebSocketServer } from 'ws';
import { ClientSession } from './client-session.js';
import { RedisSignalingService } from './signaling-service.js';

/** One signaling process: WebSocket clients on `PORT` (default 8080), other processes through `REDIS_URL`. */
const manager = await RedisManager.connect(RedisConfig.fromEnv());
manager.on('error', ({ source, error }) => console.error(`${source}: ${String(error)}`));
manager.on('state', ({ to }) => console.error(`redis: ${to}`));

const signaling = new RedisSignalingService(manager);
const sessions = new Set<ClientSession>();
const server = new WebSocketServer({ port: Number(process.env['PORT'] ?? 8080), maxPayload: 64 * 1024 });

server.on('connection', (socket) => {
  const session = new ClientSession(socket, signaling);
  sessions.add(session);
  socket.on('close', () => void session.settled.then(() => sessions.delete(session)));
});

server.on('listening', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`signaling on ws://localhost:${port} through ${manager.endpoint}`);
  if (manager.endpoint.startsWith('memory:')) {
    console.log('memory:// lives in this process only: clients of other processes are not reached');
  }
});

async function stop(): Promise<void> {
  server.close();
  await Promise.all([...sessions].map((session) => session.end()));
  await manager.close();
  for (const socket of server.clients) socket.terminate();
}

process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());

import { type AddressInfo, createServer, type Server } from 'node:net';

/** So many different ports of 127.0.0.1 on which nobody listens right now. */
export async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(Array.from({ length: count }, listen));
  const ports = listeners.map((listener) => (listener.address() as AddressInfo).port);
  await Promise.all(listeners.map((listener) => new Promise((resolve) => void listener.close(resolve))));
  return ports;
}

/** A port of 127.0.0.1 on which nobody listens right now. Somebody else may take it before you do. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const listener = createServer();
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', () => resolve(listener));
  });
}

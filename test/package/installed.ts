import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** The sub-paths that the exports map promises, as users write them: `redis-utils`, `redis-utils/lock`, … */
export function subPaths(): readonly string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const modules = Object.keys(exports).filter((path) => !path.endsWith('.json'));
  return modules.map((path) => path.replace(/^\./, 'redis-utils'));
}

/** An empty project into which the packed tarball has been installed, without any registry. */
export class InstalledPackage {
  readonly folder: string;
  /** What the tarball holds, as paths in the package. */
  readonly files: readonly string[];
  readonly sizeBytes: number;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'ru-install-'));
    const [packed] = JSON.parse(
      this.#npm(root, ['pack', '--ignore-scripts', '--json', '--pack-destination', this.folder]),
    ) as [{ filename: string; size: number; files: { path: string }[] }];
    this.files = packed.files.map(({ path }) => path);
    this.sizeBytes = packed.size;
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
    const local = Object.keys(dependencies).map((name) => join(root, 'node_modules', name));
    this.#npm(this.folder, ['install', '--install-links', '--ignore-scripts', `./${packed.filename}`, ...local]);
    mkdirSync(join(this.folder, 'node_modules/@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types']) {
      symlinkSync(join(root, 'node_modules', name), join(this.folder, 'node_modules', name));
    }
  }

  /** What the package's folder holds after the installation. */
  get installed(): readonly string[] {
    return readdirSync(join(this.folder, 'node_modules/redis-utils'));
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.folder, name), content);
  }

  /** Runs a program that stands in the project and returns what it printed; throws what it said when it fails. */
  node(args: readonly string[]): string {
    return execFileSync(process.execPath, args, {
      cwd: this.folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Runs the compiler in the project and returns its complaints. */
  compile(args: readonly string[]): string {
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: this.folder, encoding: 'utf8' });
    return stdout;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #npm(cwd: string, args: readonly string[]): string {
    const quiet = [
      '--offline',
      '--cache',
      join(this.folder, '.cache'),
      '--no-audit',
      '--no-fund',
      '--loglevel',
      'error',
    ];
    return execFileSync('npm', [...args, ...quiet], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}

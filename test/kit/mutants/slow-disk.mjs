// No mutant of the product: a disk of the spool that takes its time, so that what is not written yet is lost by a kill.
import { diskStorage } from '../../../dist/spool/storage.js';

const DELAY_MS = 150;
const { open } = diskStorage;
diskStorage.open = async (path, mode) => {
  const file = await open(path, mode);
  for (const name of ['write', 'writeDurably']) {
    const write = file[name].bind(file);
    file[name] = async (buffers, position) => {
      await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
      await write(buffers, position);
    };
  }
  return file;
};

import { installedVersion } from '../../config/installation.js';
import { ENDPOINTS } from '../endpoints/all.js';
import { openApiDocument } from '../openapi-document.js';
import type { Handler } from './context.js';

let text: string | null = null;

export const handleOpenApi: Handler = () => {
  text ??= JSON.stringify(openApiDocument(ENDPOINTS, installedVersion()));
  return { kind: 'json', body: text };
};

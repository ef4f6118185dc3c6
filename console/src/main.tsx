import { render } from 'preact';
import { takeTokenOfAddress } from './api/kept-token.js';
import { App } from './views/app/app.js';

takeTokenOfAddress();
const place = document.getElementById('app');
if (place !== null) render(<App />, place);

export { certificates, type Certificate } from '../../src/testing/certificates.js';

// Trade item numbers: the check digit is proven before the device is asked.

export function isGtin(text) {
  if (!/^(\d{8}|\d{12,14})$/.test(text)) return false;
  const digits = [...text].map(Number).reverse();
  const sum = digits.reduce((sum, digit, place) => sum + digit * (place % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

/** What was typed or scanned, without an AIM identifier in front and without spaces. */
export function plain(text) {
  return text.trim().replace(/^\][A-Za-z]\d/, "").replace(/[\s-]/g, "");
}

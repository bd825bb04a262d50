// The device's state as it changes. The device speaks at least every two seconds; after ten of silence the page says so.

const SILENCE = 10_000;

export class Feed {
  constructor(onView, onLost) {
    this.onView = onView;
    this.onLost = onLost;
    // A page that nobody sees gives its connection back: a browser has six for one device.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
  }

  start() {
    this.stop();
    this.source = new EventSource("/api/events");
    this.source.onmessage = (event) => {
      this.alive();
      this.onView(JSON.parse(event.data));
    };
    this.source.onerror = () => {
      // The browser would try again by itself, but says nothing about it.
      this.again();
    };
    this.alive();
  }

  alive() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), SILENCE);
  }

  again() {
    this.stop();
    this.onLost();
    this.timer = setTimeout(() => this.start(), 2000);
  }

  stop() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}

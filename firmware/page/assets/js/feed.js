// The device's state as it changes. The device speaks at least every two seconds; after ten of silence, or where the stream
// ends, the feed stops and says so: whoever started it finds out why and starts it again.

const SILENCE = 10_000;

export class Feed {
  constructor(onView, onLost) {
    this.onView = onView;
    this.onLost = onLost;
    // A page that nobody sees gives its connection back: a browser has six for one device.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.paused) this.start();
      else if (document.hidden && this.source) this.pause();
    });
  }

  start() {
    this.stop();
    if (document.hidden) return this.pause();
    this.source = new EventSource("/api/events");
    this.source.onmessage = (event) => {
      this.alive();
      this.onView(JSON.parse(event.data));
    };
    this.source.onerror = () => this.end();
    this.alive();
  }

  alive() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), SILENCE);
  }

  end() {
    this.stop();
    this.onLost();
  }

  pause() {
    this.stop();
    this.paused = true;
  }

  stop() {
    clearTimeout(this.timer);
    this.paused = false;
    this.source?.close();
    this.source = null;
  }
}

/** How early an alarm may ring, in milliseconds: timers have whole ones. */
const TOLERANCE = 0.5;

/** Something to do at a time. */
export interface Alarm {
  /** When, in the time of `performance.now()`. */
  readonly time: number;
  readonly ring: () => void;
  /** Its place among the alarms; -1 once it has rung, or is cleared. */
  place: number;
}

/** Any number of alarms on one timer. */
export class Clock {
  /** A heap: none is due before the one at half its place. */
  readonly #alarms: Alarm[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerTime = Infinity;

  /** Reports whether a time has come. */
  isDue(time: number): boolean {
    return time <= performance.now() + TOLERANCE;
  }

  /** Calls `ring` at a time, never before this returns. */
  set(time: number, ring: () => void): Alarm {
    const alarm = { time, ring, place: this.#alarms.length };
    this.#alarms.push(alarm);
    this.#rise(alarm);
    this.#start();
    return alarm;
  }

  /** Clears an alarm, if it has not rung. */
  clear(alarm: Alarm): void {
    const { place } = alarm;
    const last = place < 0 ? undefined : this.#alarms.pop();
    if (!last) return;
    alarm.place = -1;
    if (last === alarm) {
      if (this.#alarms.length === 0) this.#stopTimer();
      return;
    }
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Clears all alarms. */
  stop(): void {
    for (const alarm of this.#alarms.splice(0)) alarm.place = -1;
    this.#stopTimer();
  }

  /** Starts the timer for the first alarm, unless it rings by then. */
  #start(): void {
    const [first] = this.#alarms;
    if (!first || first.time >= this.#timerTime) return;
    this.#stopTimer();
    this.#timerTime = first.time;
    const wait = Math.max(0, first.time - performance.now());
    this.#timer = setTimeout(() => this.#ring(), wait);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timerTime = Infinity;
  }

  #ring(): void {
    this.#timerTime = Infinity;
    for (let first; (first = this.#alarms[0]) && this.isDue(first.time);) {
      this.clear(first);
      first.ring();
    }
    this.#start();
  }

  #put(alarm: Alarm, place: number): void {
    this.#alarms[place] = alarm;
    alarm.place = place;
  }

  /** Moves an alarm before those that are later. */
  #rise(alarm: Alarm): void {
    while (alarm.place > 0) {
      const { place } = alarm;
      const parent = this.#alarms[(place - 1) >> 1];
      if (!parent || parent.time <= alarm.time) return;
      this.#put(alarm, parent.place);
      this.#put(parent, place);
    }
  }

  /** Moves an alarm behind those that are earlier. */
  #sink(alarm: Alarm): void {
    for (;;) {
      const { place } = alarm;
      const left = this.#alarms[2 * place + 1];
      const right = this.#alarms[2 * place + 2];
      const child = left && right && right.time < left.time ? right : left;
      if (!child || child.time >= alarm.time) return;
      this.#put(alarm, child.place);
      this.#put(child, place);
    }
  }
}

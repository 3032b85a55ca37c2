// Samples of a sound, Float32Array in -1..1.

// Returns the middle of samples, at most so many.
export function middle(samples, most) {
  const start = Math.floor((samples.length - most) / 2);
  return start > 0 ? samples.subarray(start, start + most) : samples;
}

// Returns a WAV file of one channel and 16 bits.
export function toWav(samples, rate) {
  const content = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, said) => [...said].forEach((letter, place) => content.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  content.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  content.setUint32(16, 16, true);
  content.setUint16(20, 1, true);
  content.setUint16(22, 1, true);
  content.setUint32(24, rate, true);
  content.setUint32(28, 2 * rate, true);
  content.setUint16(32, 2, true);
  content.setUint16(34, 16, true);
  text(36, "data");
  content.setUint32(40, 2 * samples.length, true);
  for (let at = 0; at < samples.length; at += 1) {
    content.setInt16(44 + 2 * at, Math.max(-32768, Math.min(32767, Math.round(32768 * samples[at]))), true);
  }
  return new Blob([content], { type: "audio/wav" });
}

// Replaces real and imaginary parts, Float64Array of a power of two, by their Fourier transform (Cooley and Tukey 1965).
export function transform(real, imaginary) {
  const size = real.length;
  for (let at = 1, other = 0; at < size; at += 1) {
    let bit = size >> 1;
    for (; other & bit; bit >>= 1) other ^= bit;
    other |= bit;
    if (at < other) {
      [real[at], real[other]] = [real[other], real[at]];
      [imaginary[at], imaginary[other]] = [imaginary[other], imaginary[at]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const turn = (-2 * Math.PI) / length;
    for (let start = 0; start < size; start += length) {
      for (let at = 0; at < length / 2; at += 1) {
        const [cosine, sine] = [Math.cos(turn * at), Math.sin(turn * at)];
        const [low, high] = [start + at, start + at + length / 2];
        const there = real[high] * cosine - imaginary[high] * sine;
        const across = real[high] * sine + imaginary[high] * cosine;
        [real[high], imaginary[high]] = [real[low] - there, imaginary[low] - across];
        real[low] += there;
        imaginary[low] += across;
      }
    }
  }
}

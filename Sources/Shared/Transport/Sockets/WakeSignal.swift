// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Glibc

/// Calls a socket's thread out of its wait (eventfd(2)); several calls count as one.
final class WakeSignal: Sendable {
  let descriptor: Int32

  init() { descriptor = kf_eventfd() }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Throws if the system had no descriptor to give; nothing could be called then.
  func check() throws(TransportError) {
    guard descriptor >= 0 else {
      throw TransportError(.system, "an event descriptor can't be had; are too many files open?")
    }
  }

  /// Calls.
  func signal() { kf_eventfd_signal(descriptor) }

  /// Forgets calls that were heard.
  func drain() { kf_eventfd_drain(descriptor) }
}

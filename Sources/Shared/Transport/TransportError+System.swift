// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ

extension TransportError {
  /// The error libzmq left on this thread, as the cause of `sentence`.
  static func lastFailure(_ sentence: String, code: Code = .system) -> TransportError {
    TransportError(code, "\(sentence): \(unsafe String(cString: zmq_strerror(kf_last_error())))")
  }
}

// SPDX-License-Identifier: GPL-3.0-or-later
internal import NIOCore

/// How much of a message's time its driver has used: the time in which its connection was read.
struct MessageClock {
  private var begun = NIODeadline.uptimeNanoseconds(0)
  /// Since when nothing is read.
  private var pausedSince: NIODeadline?
  private var paused = TimeAmount.zero

  /// A message has begun.
  mutating func start(_ now: NIODeadline) {
    begun = now
    paused = .zero
    if pausedSince != nil { pausedSince = now }
  }

  /// What was asked for has been read.
  mutating func pause(_ now: NIODeadline) { pausedSince = pausedSince ?? now }

  /// More is asked for.
  mutating func resume(_ now: NIODeadline) {
    if let since = pausedSince.take() { paused = paused + (now - since) }
  }

  /// The whole time since the message began.
  func age(_ now: NIODeadline) -> TimeAmount { now - begun }

  /// The driver's part of the time since the message began.
  func spent(_ now: NIODeadline) -> TimeAmount {
    now - begun - paused - (pausedSince.map { now - $0 } ?? .zero)
  }
}

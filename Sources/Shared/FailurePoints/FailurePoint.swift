// SPDX-License-Identifier: GPL-3.0-or-later
#if KEYFOLD_FAILPOINTS
  internal import Glibc
  internal import Synchronization
#endif

/// Places right before and right after a durable step, where a build for tests can be made to die.
///
/// `KEYFOLD_FAILPOINT=keystore.rename.after` in the environment kills the process, as a power failure would, the first
/// time it gets there; `…:3` the third time. Only debug builds have them: elsewhere `reach` is nothing at all.
public enum FailurePoint {
  /// Says that the process is at the point of this name; it may not come back.
  @inlinable @inline(__always)
  public static func reach(_ name: @autoclosure () -> StaticString) {
    #if KEYFOLD_FAILPOINTS
      armed?.reach(name())
    #endif
  }

  #if KEYFOLD_FAILPOINTS
    @usableFromInline static let armed = ArmedPoint()
  #endif
}

#if KEYFOLD_FAILPOINTS
  /// The one point at which this process is to die.
  @usableFromInline
  final class ArmedPoint: Sendable {
    private let name: String
    private let left: Atomic<Int>

    /// Reads the environment; nil if nothing is armed.
    init?() {
      guard let value = unsafe getenv("KEYFOLD_FAILPOINT") else { return nil }
      let parts = unsafe String(cString: value).split(separator: ":")
      guard let name = parts.first else { return nil }
      self.name = String(name)
      left = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }

    @usableFromInline
    func reach(_ place: StaticString) {
      guard name == place.description, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
      let line = Array("failure point \(name)\n".utf8)
      _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
      kill(getpid(), SIGKILL)
      while true { pause() }
    }
  }
#endif

// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// Signals that a daemon outlives.
public enum DaemonSignals {
  /// A closed terminal or a SIGHUP does not end the process; to be called first, also by daemons with a
  /// `HangUpService`, which takes over once it runs.
  public static func ignoreHangUp() { _ = signal(SIGHUP, SIG_IGN) }
}

// SPDX-License-Identifier: GPL-3.0-or-later

/// The version of everything in this repository.
public enum KeyfoldVersion {
  /// The version as `--version`, ready files and hellos tell it.
  public static let text = "0.1.0"
}

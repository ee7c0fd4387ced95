using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>What was noted while a configuration was read, beside what is wrong with it.</summary>
public sealed class SettingsNotes
{
    /// <summary>What is valid, and somebody should change all the same.</summary>
    public List<ConfigNotice> Notices { get; } = [];

    /// <summary>What is left out, and what has gone with it.</summary>
    public List<ConfigNotice> LeftOut { get; } = [];

    /// <summary>Settings that are written and have no value, which they may: nobody has set their variable.</summary>
    public List<ConfigNotice> Unset { get; } = [];

    /// <summary>Every setting that was asked for, whether or not it is written.</summary>
    public List<AskedSetting> Asked { get; } = [];

    /// <summary>The paths of those that are secrets, or references to some.</summary>
    public HashSet<string> Secrets { get; private init; } = new(StringComparer.Ordinal);

    /// <summary>The secrets that were asked for, in this order.</summary>
    public List<ConfiguredSecret> References { get; } = [];

    /// <summary>Notes of which these keep the secrets alone.</summary>
    public SettingsNotes OfSecretsOnly() => new() { Secrets = Secrets };
}

/// <summary>A setting that somebody should know of, as one that is written under the name that it had in the release before.</summary>
/// <param name="Location">File and line.</param>
/// <param name="Path">The name as it is written, with its full path.</param>
/// <param name="Message">What is with it, and what to write instead.</param>
public sealed record ConfigNotice(SourceLocation Location, string Path, string Message)
{
    public override string ToString() => $"{Location}: {Path}: {Message}";
}

/// <summary>A secret as it is configured.</summary>
/// <param name="Path">The setting's full path.</param>
public sealed record ConfiguredSecret(SourceLocation Location, string Path, Secret Secret);

/// <summary>A setting as the code that binds it knows it.</summary>
/// <param name="Path">The full path.</param>
/// <param name="Default">As it would be written; null when it is required or absent by default.</param>
/// <param name="Min">The smallest value that is allowed, or all choices; null without a limit.</param>
/// <param name="Max">The largest.</param>
public sealed record AskedSetting(string Path, SettingKind Kind, string? Default, string? Min, string? Max)
{
    /// <summary>The path with NAME for each name that whoever writes the configuration chooses, and without the numbers of a list's items.</summary>
    public string Form { get; init; } = Path;
}

/// <summary>What is written after a setting's name.</summary>
public enum SettingKind
{
    Text,
    Texts,
    Flag,
    Choice,
    Number,
    Port,
    Duration,
    Size,
    Section,
    Sections,
}

using System.Globalization;

namespace Pipeline.Delta.Log;

/// <summary>What a file in <c>_delta_log</c> is.</summary>
internal enum LogFileKind
{
    Commit,
    Checkpoint,

    /// <summary>A part of a checkpoint in several files.</summary>
    CheckpointPart,

    /// <summary>A checkpoint of the table feature <c>v2Checkpoint</c>.</summary>
    CheckpointV2,
}

/// <summary>One object of the log. <paramref name="Part"/> counts from 1 to <paramref name="Parts"/>.</summary>
internal readonly record struct LogFile(LogFileKind Kind, long Version, string Path, DateTimeOffset ModifiedAt, int Part = 1, int Parts = 1);

/// <summary>The names of a log's objects. See PROTOCOL.md, section "File Types".</summary>
internal static class LogNames
{
    public const string Directory = "_delta_log";

    private const int VersionDigits = 20;

    public static string Commit(string table, long version) => $"{Prefix(table)}{version:D20}.json";

    public static string Checkpoint(string table, long version) => $"{Prefix(table)}{version:D20}.checkpoint.parquet";

    public static string LastCheckpoint(string table) => $"{Prefix(table)}_last_checkpoint";

    /// <summary>Where the listing of a version and all later ones starts.</summary>
    public static string From(string table, long version) => $"{Prefix(table)}{version:D20}";

    public static string Prefix(string table) => table.Length == 0 ? $"{Directory}/" : $"{table}/{Directory}/";

    /// <summary>Null for objects that are none of the protocol's: checksums, temporary files, other tools' files.</summary>
    public static LogFile? Parse(string table, string path, DateTimeOffset modifiedAt)
    {
        var name = path.AsSpan(Prefix(table).Length).TrimEnd('/');
        if (name.Contains('/')) name = name[..name.IndexOf('/')];
        if (name.Length <= VersionDigits || name[VersionDigits] != '.' || !TryNumber(name[..VersionDigits], out var version)) return null;

        var rest = name[(VersionDigits + 1)..].ToString().Split('.');
        return rest switch
        {
            ["json"] => new LogFile(LogFileKind.Commit, version, path, modifiedAt),
            ["checkpoint", "parquet"] => new LogFile(LogFileKind.Checkpoint, version, path, modifiedAt),
            ["checkpoint", { Length: 10 } part, { Length: 10 } parts, "parquet"] when TryNumber(part, out var p) && TryNumber(parts, out var n) =>
                new LogFile(LogFileKind.CheckpointPart, version, path, modifiedAt, (int)p, (int)n),
            ["checkpoint", { Length: 36 }, "parquet" or "json"] => new LogFile(LogFileKind.CheckpointV2, version, path, modifiedAt),
            _ => null,
        };
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}

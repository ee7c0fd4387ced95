using System.Buffers;
using Pipeline.Core;

namespace Pipeline.Ingest.Committer;

/// <summary>
/// What a stage says, before anything is made of it: our own workers name files below the table's directory and ranges that go
/// forward. Whatever else was put into one, by a stranger or a defect, must not come into a table's log.
/// </summary>
internal static class StageCheck
{
    // What names of data files and partition directories are made of: neither globs nor escapes nor drive letters.
    private static readonly SearchValues<char> InPaths = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._=/");

    /// <summary>Why the stage can never be committed to <paramref name="table"/>; null: nothing is wrong with it.</summary>
    public static Fault? FaultOf(TableId table, StageFiles stage)
    {
        var cause = stage.Table != table ? $"it is for {stage.Table}"
            : FileCause(stage) ?? RangeCause(table, stage);
        return cause is null ? null : new Fault(FaultKind.Invalid, $"A stage for table {table}", cause,
            "Nothing of it was committed. No worker of this release sends such a stage: find out who did.");
    }

    private static string? FileCause(StageFiles stage)
    {
        foreach (var file in stage.Files)
        {
            if (!IsBelowTable(file.Path)) return $"the file '{Short(file.Path)}' is not the path of a data file below the table's directory";
            if (file.Size <= 0) return $"the file '{Short(file.Path)}' has {Plural.Of(file.Size, "byte")}";
        }

        if (stage.Files.Select(file => file.Path).Distinct(StringComparer.Ordinal).Count() < stage.Files.Length) return "it names a file twice";
        if (stage is { Rows: < 0 }) return $"it has {Plural.Of(stage.Rows, "row")}";
        return stage is { Letters: < 0 } or { Unused: < 0 } ? $"its dead letters are {stage.Letters}, its unused numbers {stage.Unused}" : null;
    }

    private static string? RangeCause(TableId table, StageFiles stage)
    {
        if (stage.Ranges.IsEmpty) return "it moves no position, so that its rows would come again";
        foreach (var range in stage.Ranges)
        {
            if (range.Split.Source != table.Source) return $"the split {Short(range.Split.ToString())} belongs to another source";
            if (range.To < range.From) return $"it moves {Short(range.Split.ToString())} back from {range.From} to {range.To}";
        }

        return stage.Ranges.Select(range => range.Split).Distinct().Count() < stage.Ranges.Length ? "it moves a split twice" : null;
    }

    /// <summary>Relative, without escapes, and of names that mean only themselves.</summary>
    private static bool IsBelowTable(string path) =>
        !path.AsSpan().ContainsAnyExcept(InPaths)
        && path.Split('/').All(name => name is not ("" or "." or ".."))
        && !path.StartsWith("_delta_log/", StringComparison.Ordinal);

    /// <summary>On one line, whatever was put into it.</summary>
    private static string Short(string text) => (text.Length > 200 ? text[..200] + "…" : text).ReplaceLineEndings(" ");
}

using System.Text;
using System.Text.RegularExpressions;

namespace Pipeline.Core;

/// <summary>
/// The one rule for names in the lake. Whoever configures a source, a table or a column is held to it; a column that a source
/// brings under a name that cannot be written gets another one by <see cref="OfSourceColumn"/>.
/// </summary>
/// <remarks>
/// Names become directories, actors, views and columns of files, and are read by Spark, Athena and DuckDB: a name that begins with
/// <c>_</c> is the pipeline's own, one of capitals is another name to Athena, and case tells nothing apart on some stores.
/// </remarks>
public static partial class LakeName
{
    /// <summary>Characters that a name of a source, table or column of a contract may have. A file's name may have 255 bytes.</summary>
    public const int LengthMax = 128;

    /// <summary>What a source's column gets in place of each character that a column of the lake cannot have, and behind a name that is taken.</summary>
    private const char Substitute = '_';

    /// <summary>DuckDB's own column of a Parquet file, which it refuses to read when the file has one of that name.</summary>
    private const string FileRowNumber = "file_row_number";

    /// <summary>Columns that a run has of its own in whatever table it reads.</summary>
    private static readonly HashSet<string> TakenByRuns = new(StringComparer.OrdinalIgnoreCase) { "_file", "_file_row", FileRowNumber };

    private static readonly string[] OwnSuffixes = [TableId.QuarantineSuffix, TableId.DeletedSuffix, TableId.RebuildSuffix];

    /// <summary>What is wrong with the name of a source, or of a table that a source fills, with what to write; null: nothing.</summary>
    /// <param name="what">As <c>a source</c>.</param>
    public static string? FaultOfSource(string name, string what) =>
        name.Length > LengthMax ? TooLong(name)
        : !SourcePattern().IsMatch(name) ? $"'{name}' is not the name of {what}. Use letters, digits, _, - and ., a letter or digit first"
        : null;

    /// <summary>The same for a Silver or Gold table.</summary>
    public static string? FaultOfTable(string name) =>
        name.Length > LengthMax ? TooLong(name)
        : !PlainPattern().IsMatch(name) ? $"'{name}' is not a table name. Use lower-case letters, digits and _, a letter first"
        : Array.Find(OwnSuffixes, suffix => name.EndsWith(suffix, StringComparison.Ordinal)) is { } own ? $"'{name}' ends in {own}, as tables that the pipeline keeps beside '{name[..^own.Length]}'. Use another name"
        : null;

    /// <summary>The same for a column of a Silver table.</summary>
    public static string? FaultOfColumn(string name) =>
        name.Length > LengthMax ? TooLong(name)
        : !PlainPattern().IsMatch(name) ? $"'{name}' is not a column name. Use lower-case letters, digits and _, a letter first"
        : FaultOfQueried(name);

    /// <summary>The same for a column of a query, which may be one of Silver's own.</summary>
    public static string? FaultOfQueried(string name) => FaultOf(name, TakenByRuns.Contains);

    /// <summary>The same for a column of Bronze.</summary>
    public static string? FaultOfBronze(string name) => FaultOf(name, IsTaken);

    private static string? FaultOf(string name, Func<string, bool> isTaken) =>
        name.Length == 0 || name.Any(IsRefused) ? $"'{name}' cannot be the name of a column: readers of the lake take no blank, line break or any of ,;{{}}()= in one. Give it another name"
        : isTaken(name) ? $"'{name}' is a column that the pipeline or DuckDB has of its own. Give it another name"
        : null;

    /// <summary>The same for a rule of a contract.</summary>
    public static string? FaultOfRule(string name) =>
        PlainPattern().IsMatch(name) ? null : $"'{name}' is not a rule name. Use lower-case letters, digits and _, a letter first";

    /// <summary>
    /// The name in the lake of a column as its source calls it: each character that Spark and Athena cannot read (blank, <c>,;{}()=</c>,
    /// control characters) becomes <c>_</c>, and a name that the pipeline or DuckDB has of its own gets one more <c>_</c>. All else stays.
    /// </summary>
    public static string OfSourceColumn(string name)
    {
        var writable = name.Any(IsRefused) ? new StringBuilder(name.Length).AppendJoin("", name.Select(c => IsRefused(c) ? Substitute : c)).ToString() : name;
        return IsTaken(writable) ? writable + Substitute : writable;
    }

    /// <summary>Those of some names that only case tells from an earlier one, with that one.</summary>
    public static IEnumerable<(string Name, string Earlier)> AlikeBut(IEnumerable<string> names) =>
        names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).SelectMany(group => group.Skip(1).Select(name => (name, group.First())));

    /// <summary>Bronze, or a run that reads it, has a column of that name of its own whatever the source.</summary>
    private static bool IsTaken(string name) => TakenByRuns.Contains(name) || BronzeColumns.IsOwn(name);

    private static bool IsRefused(char c) => c is ' ' or ',' or ';' or '{' or '}' or '(' or ')' or '=' || char.IsControl(c);

    private static string TooLong(string name) => $"'{name[..32]}…' has {Plural.Of(name.Length, "character")}. Use {LengthMax} at most";

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]*\z")]
    private static partial Regex SourcePattern();

    [GeneratedRegex(@"^[a-z][a-z0-9_]*\z")]
    private static partial Regex PlainPattern();
}

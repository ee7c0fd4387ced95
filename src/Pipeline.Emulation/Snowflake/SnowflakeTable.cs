using System.Text.RegularExpressions;

namespace Pipeline.Emulation.Snowflake;

public sealed record SnowflakeColumn(string Name, SnowflakeType Type, bool IsNullable = true);

/// <summary>A declared table. Keys are accepted and not enforced, as in Snowflake.</summary>
public sealed partial record SnowflakeTable(string Database, string Schema, string Name, IReadOnlyList<SnowflakeColumn> Columns)
{
    public string QuotedName => $"\"{Database}\".\"{Schema}\".\"{Name}\"";

    /// <summary>When this table was made, in whole milliseconds; no two of a database at the same time. Goes with it when it gets another name.</summary>
    public DateTimeOffset CreatedOn { get; init; } = DateTimeOffset.UnixEpoch;

    /// <summary>Reads <c>CREATE TABLE</c> with Snowflake's types; null when the text is another statement.</summary>
    /// <exception cref="FormatException">An unsupported type or a malformed column.</exception>
    public static SnowflakeTable? TryParse(string sql, string database, string schema)
    {
        var match = CreateTable().Match(sql);
        if (!match.Success) return null;
        var name = match.Groups["name"].Value.Split('.').Select(Resolve).ToArray();
        var columns = SplitColumns(match.Groups["columns"].Value)
            .Where(column => !TableConstraint().IsMatch(column))
            .Select(ParseColumn)
            .ToArray();
        return new SnowflakeTable(name.Length > 2 ? name[^3] : database, name.Length > 1 ? name[^2] : schema, name[^1], columns);
    }

    internal string StorageSql(bool orReplace) =>
        $"CREATE {(orReplace ? "OR REPLACE " : "")}TABLE {QuotedName} ({string.Join(", ",
            Columns.Select(column => $"\"{column.Name}\" {column.Type.Storage}{(column.IsNullable ? "" : " NOT NULL")}"))})";

    private static SnowflakeColumn ParseColumn(string text)
    {
        var match = ColumnText().Match(text);
        if (!match.Success) throw new FormatException($"'{text.Trim()}' is not a column.");
        return new SnowflakeColumn(Resolve(match.Groups["name"].Value), SnowflakeType.Parse(match.Groups["type"].Value),
            !NotNull().IsMatch(match.Groups["rest"].Value));
    }

    private static IEnumerable<string> SplitColumns(string text)
    {
        var (depth, start) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '(') depth++;
            else if (text[i] == ')') depth--;
            else if (text[i] == ',' && depth == 0)
            {
                yield return text[start..i];
                start = i + 1;
            }
        }

        yield return text[start..];
    }

    private static string Resolve(string name) => name.Trim() is ['"', .. var quoted, '"'] ? quoted : name.Trim().ToUpperInvariant();

    [GeneratedRegex(@"^\s*CREATE\s+(OR\s+REPLACE\s+)?TABLE\s+(IF\s+NOT\s+EXISTS\s+)?(?<name>[\w.$""]+)\s*\((?<columns>.*)\)\s*;?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex CreateTable();

    [GeneratedRegex(@"^\s*(?<name>""[^""]+""|[\w$]+)\s+(?<type>DOUBLE\s+PRECISION|\w+(\s*\([\d\s,]*\))?)(?<rest>.*)$",
        RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex ColumnText();

    [GeneratedRegex(@"^\s*(PRIMARY|FOREIGN|UNIQUE|CONSTRAINT)\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex TableConstraint();

    [GeneratedRegex(@"\bNOT\s+NULL\b|\bPRIMARY\s+KEY\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex NotNull();
}

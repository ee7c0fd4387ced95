using System.Globalization;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>Values written into SQL text where the protocol takes no parameters (COPY, replication commands).</summary>
internal static class Sql
{
    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public static string Text(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    public static string Integer(long value) => value.ToString(CultureInfo.InvariantCulture);
}

using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Silver;

/// <summary>
/// The query that finds the members of a run's JSON documents that no column reads: those of the record, and of each object within that a
/// column reads a part of. Of a run's first rows only, so that a hint costs little however much there is to read.
/// </summary>
internal static class UnreadFieldsSql
{
    /// <summary>So many documents of a run are looked at.</summary>
    public const int RowsMax = 2_000;

    /// <summary>And no more than these bytes of them, of which one may have <see cref="DocumentBytesMax"/>.</summary>
    public const int BytesMax = 4 << 20;

    public const int DocumentBytesMax = 16 << 10;

    private const int FoundMax = 1_000;

    /// <summary>Of the result: names, types and numbers, and no value.</summary>
    public static readonly IReadOnlyList<JobColumn> Columns =
        [new("document", "string"), new("is_record", "boolean"), new("parent", "string"), new("name", "string"), new("type", "string"), new("records", "long")];

    /// <returns>Empty: there is nothing to find, or nobody wants to know. Null: this engine does not look.</returns>
    public static string? Of(SilverContract contract, IReadOnlyList<Field> bronze, string? record, SqlDialect sql)
    {
        if (sql != SqlDialect.DuckDb) return null;
        if (contract.Fields == FieldsPolicy.Ignore) return "";
        // A technical column is no record, and of a document that a column keeps as a whole nothing is missing.
        var reads = contract.Columns.SelectMany(column => column.Sources)
            .Select(source => (Field: (source.Column ?? record) is { } name ? SilverTables.TryBronze(bronze, name) : null, source.Path))
            .Where(read => read.Field is { DataType: StringType } field && field.Name[0] != '_')
            .GroupBy(read => read.Field!.Name, read => read.Path, StringComparer.Ordinal).ToDictionary(read => read.Key, read => read.ToList(), StringComparer.Ordinal);
        // A record of which no column reads anything is one that has nothing but such members.
        if (contract.Format == RecordFormat.Json && record is not null && SilverTables.TryBronze(bronze, record) is { DataType: StringType } whole) reads.TryAdd(whole.Name, []);
        var (samples, parts) = (new List<string>(), new List<string>());
        foreach (var document in reads.Where(read => read.Value.TrueForAll(path => path is not null)))
        {
            var sample = $"sample_{samples.Count}";
            samples.Add($"""
                {sample} AS MATERIALIZED (
                  SELECT document FROM (
                    SELECT document, sum(strlen(document)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes
                    FROM (SELECT {sql.Name(document.Key)} AS document FROM bronze WHERE _op NOT IN ('d', 't') AND strlen({sql.Name(document.Key)}) <= {DocumentBytesMax} LIMIT {RowsMax}) AS received
                  ) AS sized WHERE bytes <= {BytesMax} AND json_valid(document)
                )
                """);
            var isRecord = document.Key == record && contract.Format == RecordFormat.Json;
            var paths = document.Value.Select(path => JsonPath.TryParse(path!)!.Steps).ToList();
            parts.AddRange((paths.Count == 0 ? [new JsonPath([])] : Parents(paths)).Select(parent => Part(sample, sql, document.Key, isRecord, parent, paths)));
        }

        return parts.Count == 0 ? "" : $"""
            WITH {string.Join(",\n", samples)}
            SELECT document, is_record, parent, name, type, CAST(count(*) AS BIGINT) AS records
            FROM (
              {string.Join("\n  UNION ALL\n  ", parts)}
            ) AS members
            WHERE name IS NOT NULL AND type <> 'NULL'
            GROUP BY ALL ORDER BY records DESC, document, parent, name, type LIMIT {FoundMax}
            """;
    }

    /// <summary>The objects of which a part is read, and not all.</summary>
    private static IEnumerable<JsonPath> Parents(List<IReadOnlyList<string>> paths) => paths
        .SelectMany(steps => Enumerable.Range(0, steps.Count).Where(i => !JsonPath.IsItem(steps[i])).Select(i => new JsonPath([.. steps.Take(i)])))
        .DistinctBy(parent => parent.First.ToString())
        .Where(parent => !paths.Exists(path => path.Count <= parent.Steps.Count && IsWithin(path, parent.Steps)));

    private static string Part(string sample, SqlDialect sql, string document, bool isRecord, JsonPath parent, List<IReadOnlyList<string>> paths)
    {
        var read = paths.Where(path => path.Count > parent.Steps.Count && IsWithin(parent.Steps, path)).Select(path => path[parent.Steps.Count]).Distinct(StringComparer.Ordinal).ToList();
        var at = sql.PathText(parent.First);
        return $"""
            SELECT {sql.Text(document)} AS document, {(isRecord ? "true" : "false")} AS is_record, {sql.Text(parent.ToString())} AS parent, member.key AS name, member.type AS type
              FROM (SELECT json_extract(document, {at}) AS part FROM {sample} WHERE json_type(document, {at}) = 'OBJECT') AS d, json_each(d.part) AS member
              WHERE {(read.Count == 0 ? "true" : $"member.key NOT IN ({string.Join(", ", read.Select(sql.Text))})")}
            """;
    }

    private static bool IsWithin(IReadOnlyList<string> outer, IReadOnlyList<string> inner) => outer.Zip(inner, JsonPath.IsSameStep).All(isSame => isSame);
}

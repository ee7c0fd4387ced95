using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// Upserts and deletes rows of a table by key, by rewriting only the files that hold such keys (copy on write), as steps. What
/// memory it takes follows the number of changed keys and not the size of the table.
/// </summary>
/// <param name="name">Begins the names of its relations.</param>
/// <param name="before">The table as the run finds it; null: there is none yet.</param>
/// <remarks>Key columns hold no nulls, and a key occurs at most once in the table.</remarks>
internal sealed class MergeSql(SqlDialect sql, string name, TableId table, Snapshot? before, ImmutableArray<JobColumn> columns, ImmutableArray<string> key)
{
    /// <summary>Files below this size are rewritten along when there are too many of them, so that their number stays small.</summary>
    private const long SmallFileBytes = 4 << 20;

    private const int SmallFilesMax = 16;

    private string Key { get; } = sql.Names(key);

    private string Columns { get; } = sql.Names(columns.Select(column => column.Name));

    private ImmutableArray<JobFile> TableFiles { get; } = JobFiles.Of(before, key[0]);

    /// <summary>The name of the figures that <see cref="Write"/> brings back: the number of upserts.</summary>
    private string Figures => $"{name}_rows";

    /// <summary>The files that a merge reads.</summary>
    public IEnumerable<JobRelation> Relations =>
    [
        new JobRelation($"{name}_near", table.ToString(), columns, TableFiles) { Origin = true, Near = new NearHint($"{name}_changes", key) },
        new JobRelation($"{name}_kept", table.ToString(), columns, TableFiles) { Origin = true, FilesOf = $"{name}_rewritten" },
    ];

    public JobOutput Output => new(table.ToString(), table.ToString(), columns);

    /// <summary>Defines the table's rows whose key occurs in some changes, with their origin.</summary>
    /// <param name="changes">A SELECT of the key columns.</param>
    public IEnumerable<JobStep> Match(string changes, string into) =>
    [
        new DefineStep($"{name}_changes", changes),
        new DefineStep(into, $"SELECT * FROM {name}_near SEMI JOIN {name}_changes USING ({Key})") { Keep = true },
    ];

    /// <param name="matched">What <see cref="Match"/> made for a superset of the keys below.</param>
    /// <param name="upserts">A relation with the table's columns, one row a key.</param>
    /// <param name="deletes">A relation with the key columns; none of its keys is in <paramref name="upserts"/>.</param>
    public IEnumerable<JobStep> Write(string matched, string upserts, string? deletes, FaultWords? rowFault = null)
    {
        yield return new DefineStep($"{name}_touched", $"SELECT {Key} FROM {upserts}{(deletes is null ? "" : $" UNION ALL SELECT {Key} FROM {deletes}")}");
        yield return new DefineStep($"{name}_replaced", $"SELECT _file, _file_row FROM {matched} SEMI JOIN {name}_touched USING ({Key})") { Keep = true, RowFault = rowFault };
        yield return new DefineStep($"{name}_rewritten", $"SELECT DISTINCT _file FROM {name}_replaced{AndSmallFiles(upserts)}") { Keep = true };
        yield return new DefineStep($"{name}_written", $"""
            SELECT {Columns} FROM (SELECT * FROM {name}_kept SEMI JOIN {name}_rewritten USING (_file)) AS kept ANTI JOIN {name}_replaced USING (_file, _file_row)
            UNION ALL SELECT {Columns} FROM {upserts}
            """);
        yield return new WriteStep(table.ToString(), $"{name}_written") { Replaced = $"{name}_replaced", Rewritten = $"{name}_rewritten", RowFault = rowFault };
        yield return new FiguresStep(Figures, $"SELECT count(*) AS upserted FROM {upserts}", [new JobColumn("upserted", "long")]);
    }

    /// <summary>How many rows were upserted.</summary>
    public long Upserts(CheckedAnswer answer) => answer.Long(Figures);

    /// <summary>The change of the table, when what was answered balances.</summary>
    /// <exception cref="PipelineException">Rows are missing, or too many.</exception>
    public MergeFiles Files(CheckedAnswer answer, DateTimeOffset now)
    {
        var (output, upserts) = (answer.Output(table), answer.Long(Figures));
        var rewritten = output.Rewritten.Sum(path => before!.FilesByPath[path].RowCount);
        if (output.Rewritten.All(path => before!.FilesByPath[path].RowCount is not null) && output.Rows != rewritten - output.Marks + upserts)
            throw answer.Wrong($"the new files of {table} have {Plural.Of(output.Rows, "row")}, and {Plural.Of(rewritten ?? 0, "row")} less {output.Marks} and {upserts} new ones are {rewritten - output.Marks + upserts}");
        return new MergeFiles(output.Adds, [.. output.Rewritten.Select(path => CheckedOutput.Remove(before!.FilesByPath[path], now))], upserts - output.Marks);
    }

    /// <summary>They come along when anything is written.</summary>
    private string AndSmallFiles(string upserts)
    {
        var small = TableFiles.Where(file => file.Size < SmallFileBytes).ToList();
        if (small.Count < SmallFilesMax) return "";
        return $"""

            UNION SELECT small._file FROM (VALUES {string.Join(", ", small.Select(file => $"({sql.Text(file.Path)})"))}) AS small(_file)
            CROSS JOIN (SELECT count(*) AS n FROM (SELECT 1 AS one FROM {name}_replaced UNION ALL SELECT 1 FROM {upserts}) AS any_row) AS written WHERE written.n > 0
            """;
    }
}

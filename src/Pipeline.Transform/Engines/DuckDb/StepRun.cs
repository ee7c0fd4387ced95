using System.Collections.Immutable;
using System.Globalization;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;
using Pipeline.DuckDb;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>One execution of a document in a DuckDB session.</summary>
internal sealed class StepRun(DuckDbSession session, DuckDbSettings settings, IObjectStore store, JobDocument document, string sha256, string execution, MaskKey? key = null)
{
    private const string Marks = "marks.parquet";

    /// <summary>So many rows of a relation go through every expression at once.</summary>
    private const int VectorRows = 2_048;

    private readonly HashSet<string> _defined = new(StringComparer.Ordinal);
    private readonly List<JobRelation> _waiting = [];
    private readonly List<AnsweredOutput> _outputs = [];
    private readonly Dictionary<string, ImmutableArray<ImmutableArray<string?>>> _figures = new(StringComparer.Ordinal);

    /// <exception cref="PipelineException">A check or a statement has failed.</exception>
    public async Task<JobAnswer> RunAsync(CancellationToken cancellationToken)
    {
        if (document.Dialect != SqlDialect.DuckDb.Engine)
            throw new PipelineException(FaultKind.Invalid, $"Job {document.Run.Table}#{document.Run.Number}", $"its document is in the SQL of {document.Dialect}", "Run it there, or make it again for DuckDB.");
        foreach (var schema in document.Relations.Where(relation => relation.Name.Contains('.')).Select(relation => relation.Name.Split('.')[0]).Distinct(StringComparer.Ordinal))
            session.Execute($"CREATE SCHEMA IF NOT EXISTS {Sql.Name(schema)}");
        if (settings.Threads > 1 && RowBytes() * VectorRows * settings.Threads > settings.MemoryBytesMax / 32) session.Execute("SET threads = 1");
        if (key is not null) Provide(key);
        Confine();
        _waiting.AddRange(document.Relations);
        await BindAsync(cancellationToken);
        foreach (var step in document.Steps) await DoneAsync(step, cancellationToken);
        return new JobAnswer
        {
            Format = JobDocument.CurrentFormat,
            Document = sha256,
            Execution = execution,
            Outputs = [.. _outputs],
            Figures = _figures.ToImmutableDictionary(),
        };
    }

    /// <summary>
    /// How wide the rows are that are read whole, by the largest file of each relation. What expressions make of wide rows is not all
    /// memory that DuckDB counts, and each thread has its own.
    /// </summary>
    private double RowBytes()
    {
        var files = document.Relations.Where(relation => relation is { Near: null, FilesOf: null, NeededWhen: null, Files.IsEmpty: false })
            .Select(relation => store.LocalPath(TableFilePath.In(store, relation.Location, relation.Files.MaxBy(file => file.Size)!.Path)))
            .OfType<string>().Distinct(StringComparer.Ordinal).Where(File.Exists).ToList();
        if (files.Count == 0) return 0;
        var widest = session.Scalar($"""
            SELECT max(bytes) FROM (SELECT sum(total_uncompressed_size) / max(row_group_num_rows) AS bytes
              FROM parquet_metadata([{string.Join(", ", files.Select(file => Sql.Text(TableFiles.Literal(file))))}]) WHERE row_group_num_rows > 0 GROUP BY file_name, row_group_id)
            """);
        return widest is null ? 0 : Convert.ToDouble(widest, CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// From now on the session reaches what the run reads and its own directories in the tables, whatever its SQL says. Copies of
    /// remote files are in the session's own directory.
    /// </summary>
    private void Confine() => session.Confine(
        document.Relations.SelectMany(relation => relation.Files.Select(file => file.Path).Append(relation.LeftOut).OfType<string>().Select(path => store.LocalPath(TableFilePath.In(store, relation.Location, path)))).OfType<string>().Distinct(StringComparer.Ordinal),
        document.Outputs.Select(output => store.LocalPath(DirectoryOf(output))).OfType<string>());

    private string DirectoryOf(JobOutput output) => $"{output.Location}/{JobDocument.Directory(execution)}";

    /// <summary>Makes the relations that wait for nothing any more, in their order.</summary>
    private async ValueTask BindAsync(CancellationToken cancellationToken)
    {
        foreach (var relation in _waiting.ToList())
        {
            if (new[] { relation.Near?.Relation, relation.FilesOf, relation.NeededWhen }.Any(name => name is not null && !_defined.Contains(name))) continue;
            _waiting.Remove(relation);
            var fields = relation.Columns.Select(column => column.ToField()).ToList();
            var rows = await TableFiles.RelationAsync(session, store, relation.Location, fields, Needed(relation), relation.Origin || relation.LeftOut is not null, cancellationToken);
            if (relation.LeftOut is { } leftOut) rows = await WithoutAsync(rows, relation, leftOut, cancellationToken);
            session.Execute($"CREATE VIEW {NameOf(relation.Name)} AS {rows}");
        }
    }

    /// <summary>The files that the hints do not rule out.</summary>
    private IReadOnlyCollection<string> Needed(JobRelation relation)
    {
        IEnumerable<string> files = relation.Files.Select(file => file.Path);
        if (relation.Files.IsEmpty || (relation.NeededWhen is { } when && session.Scalar($"SELECT 1 FROM {NameOf(when)} LIMIT 1") is null)) return [];
        if (relation.FilesOf is { } of)
        {
            var wanted = session.Rows($"SELECT DISTINCT _file FROM {NameOf(of)}").Select(row => (string)row[0]!).ToHashSet(StringComparer.Ordinal);
            files = files.Where(wanted.Contains);
        }

        if (relation.Near is { } near)
        {
            var column = relation.Columns.Single(column => column.Name == near.Columns[0]).ToField();
            var possible = NearFiles.Find(session, NameOf(near.Relation), column, relation.Files.Select(file => (file.Path, file.Low, file.High)));
            files = files.Where(possible.Contains);
        }

        return [.. files];
    }

    private async ValueTask<string> WithoutAsync(string rows, JobRelation relation, string leftOut, CancellationToken cancellationToken)
    {
        IReadOnlyList<Apache.Arrow.Field> place = [new(TableFiles.File, Apache.Arrow.Types.StringType.Default, nullable: true), new(TableFiles.FileRow, Apache.Arrow.Types.Int64Type.Default, nullable: true)];
        var gone = await TableFiles.RelationAsync(session, store, relation.Location, place, [leftOut], withOrigin: false, cancellationToken);
        var columns = Sql.Names(relation.Columns.Select(column => column.Name).Concat(relation.Origin ? [TableFiles.File, TableFiles.FileRow] : []));
        return $"SELECT {columns} FROM ({rows}) AS t ANTI JOIN ({gone}) AS g USING ({TableFiles.File}, {TableFiles.FileRow})";
    }

    /// <summary>The key is no part of any statement that could be told.</summary>
    private void Provide(MaskKey masks)
    {
        session.Execute($"CREATE TEMP TABLE {MaskKey.Relation} AS SELECT {Sql.Text(masks.Inner)} AS {MaskKey.InnerColumn}, {Sql.Text(masks.Outer)} AS {MaskKey.OuterColumn}");
        session.Register("seal_row", masks.Seal);
        session.Register("open_row", masks.Open);
    }

    /// <summary>What DuckDB says of a row that it fails on has values of it: of a table that masks these are not for people.</summary>
    private async ValueTask DoneAsync(JobStep step, CancellationToken cancellationToken)
    {
        try
        {
            await DoAsync(step, cancellationToken);
        }
        catch (DuckDBException e) when (key is not null && DuckDbSession.IsOfARow(e))
        {
            throw new PipelineException(FaultKind.Invalid, $"Table {document.Run.Table}", $"a statement fails on a row ({e.Message.Split(':')[0]}); its values are not told, since the table masks some", $"Correct the rule that was changed last, or run './pipeline rebuild {document.Run.Table}'.");
        }
    }

    private async ValueTask DoAsync(JobStep step, CancellationToken cancellationToken)
    {
        switch (step)
        {
            case DefineStep define:
                await DefineAsync(define, cancellationToken);
                break;
            case JudgeStep judge:
                RowJudge.Find(session, judge);
                await DefinedAsync(judge.Name, cancellationToken);
                break;
            case CheckStep check:
                if (session.Rows(check.Sql) is [var row, ..]) throw check.Fault.ToException(row);
                break;
            case WriteStep write:
                await WriteAsync(write, cancellationToken);
                break;
            case FiguresStep figures:
                _figures.Add(figures.Name, [.. session.Rows(figures.Sql).Select(values => values.Select(Text).ToImmutableArray())]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(step), step, "No step that this engine knows.");
        }
    }

    private async ValueTask DefineAsync(DefineStep define, CancellationToken cancellationToken)
    {
        try
        {
            session.Execute($"CREATE {(define.Keep ? "TEMP TABLE" : "VIEW")} {NameOf(define.Name)} AS {define.Sql}");
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e) && !define.Otherwise.IsEmpty)
        {
            foreach (var step in define.Otherwise) await DoAsync(step, cancellationToken);
            return;
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e) && define.RowFault is not null)
        {
            throw OfARow(define.RowFault, e);
        }

        await DefinedAsync(define.Name, cancellationToken);
    }

    private ValueTask DefinedAsync(string name, CancellationToken cancellationToken)
    {
        _defined.Add(name);
        return BindAsync(cancellationToken);
    }

    private async ValueTask WriteAsync(WriteStep write, CancellationToken cancellationToken)
    {
        var output = document.Outputs.Single(output => output.Name == write.Output);
        var fields = output.Columns.Select(column => column.ToField()).ToList();
        IReadOnlyList<WrittenFile> written;
        try
        {
            written = await ParquetCopy.ToFilesAsync(session, store, DirectoryOf(output), fields, $"SELECT * FROM {NameOf(write.From)}", output.Order, output.TargetBytes, cancellationToken);
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e) && write.RowFault is not null)
        {
            throw OfARow(write.RowFault, e);
        }

        ImmutableArray<AnsweredFile> files = [.. written.Select(file => new AnsweredFile($"{JobDocument.Directory(execution)}/{file.Name}", file.Size, file.Rows) { Crc32c = FileChecksum.TextOf(file.Checksum) })];
        var answered = new AnsweredOutput(output.Name, files);
        if (write.Replaced is { } replaced)
        {
            var marks = await ParquetCopy.ToFileAsync(session, store, $"{DirectoryOf(output)}/{Marks}", $"SELECT {TableFiles.File}, {TableFiles.FileRow} FROM {NameOf(replaced)}", cancellationToken);
            if (marks is { } file) answered = answered with { Marks = new AnsweredFile($"{JobDocument.Directory(execution)}/{Marks}", file.Size, file.Rows) };
        }

        if (write.Rewritten is { } rewritten)
            answered = answered with { Rewritten = [.. session.Rows($"SELECT DISTINCT _file FROM {NameOf(rewritten)}").Select(row => (string)row[0]!).Order(StringComparer.Ordinal)] };
        _outputs.Add(answered);
        if (write.As is not { } name) return;

        var rows = await TableFiles.RelationAsync(session, store, output.Location, fields, [.. files.Select(file => file.Path)], withOrigin: false, cancellationToken);
        session.Execute($"CREATE VIEW {NameOf(name)} AS {rows}");
        await DefinedAsync(name, cancellationToken);
    }

    private static PipelineException OfARow(FaultWords words, DuckDBException e) => words.ToException([e.Message.Split('\n')[0].TrimEnd('.')], e);

    private static string NameOf(string relation) => string.Join('.', relation.Split('.').Select(Sql.Name));

    private static string? Text(object? value) => value switch
    {
        null => null,
        bool truth => truth ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };
}

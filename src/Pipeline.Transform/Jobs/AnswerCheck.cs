using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Contracts;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// Compares an engine's answer with what lies in the store. Nothing of it is believed: a step that ran twice, a zombie, a lost answer
/// or a lie about files, sizes, rows or types ends here, and leaves files that no table names.
/// </summary>
internal sealed class AnswerCheck(IObjectStore store, JobDocument document, string sha256, string execution, TimeProvider time)
{
    private string Run => $"{document.Run.Table}#{document.Run.Number}";

    /// <param name="targets">The tables of the outputs; null: not there yet.</param>
    /// <exception cref="PipelineException">It is not what has happened.</exception>
    public async ValueTask<CheckedAnswer> AcceptAsync(JobAnswer answer, IReadOnlyDictionary<string, Snapshot?> targets, CancellationToken cancellationToken)
    {
        if (answer.Format != JobDocument.CurrentFormat) throw Wrong($"it is of format {answer.Format}");
        if (answer.Document != sha256) throw Wrong($"it answers document {answer.Document}, not {sha256}");
        if (answer.Execution != execution) throw Wrong($"it is of execution {answer.Execution}, not {execution}");
        if (answer.Failure is { } failure) throw failure.ToException();

        var outputs = new Dictionary<string, CheckedOutput>(StringComparer.Ordinal);
        foreach (var answered in answer.Outputs)
        {
            var output = document.Outputs.FirstOrDefault(output => output.Name == answered.Name) ?? throw Wrong($"it has an output {answered.Name} that nobody asked for");
            if (outputs.ContainsKey(output.Name)) throw Wrong($"it has output {output.Name} twice");
            outputs.Add(output.Name, await OutputAsync(output, answered, targets[output.Name], cancellationToken));
        }

        if (document.Outputs.FirstOrDefault(output => !outputs.ContainsKey(output.Name)) is { } missing) throw Wrong($"it lacks output {missing.Name}");
        return new CheckedAnswer(Run, answer, outputs);
    }

    private async ValueTask<CheckedOutput> OutputAsync(JobOutput output, AnsweredOutput answered, Snapshot? table, CancellationToken cancellationToken)
    {
        var pinned = document.Relations.Where(relation => relation.Location == output.Location).SelectMany(relation => relation.Files).DistinctBy(file => file.Path).ToDictionary(file => file.Path, StringComparer.Ordinal);
        CheckNames(output, answered, table);
        CheckRewritten(output, answered, pinned);
        var marks = await CheckMarksAsync(output, answered, pinned, cancellationToken);
        var adds = new List<AddFile>();
        foreach (var file in answered.Files) adds.Add(await FileAsync(output, file, table, cancellationToken));
        return new CheckedOutput(adds, answered.Files.Sum(file => file.Rows), marks, answered.Rewritten);
    }

    /// <summary>Each file is one of this execution's, named once and by no table yet.</summary>
    private void CheckNames(JobOutput output, AnsweredOutput answered, Snapshot? table)
    {
        var directory = JobDocument.Directory(execution) + "/";
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in answered.Marks is { } marks ? answered.Files.Append(marks) : answered.Files)
        {
            if (table?.FilesByPath.ContainsKey(file.Path) == true) throw Wrong($"file {file.Path} is in table {output.Name} already");
            if (!file.Path.StartsWith(directory, StringComparison.Ordinal) || file.Path[directory.Length..] is not { Length: > 0 } name || name.AsSpan().ContainsAny('/', '\\') || name[0] is '.' or '_')
                throw Wrong($"file {file.Path} does not lie in {output.Location}/{directory}");
            if (!seen.Add(file.Path)) throw Wrong($"file {file.Path} of {output.Name} is named twice");
        }
    }

    private void CheckRewritten(JobOutput output, AnsweredOutput answered, Dictionary<string, JobFile> pinned)
    {
        var write = document.Steps.OfType<WriteStep>().FirstOrDefault(step => step.Output == output.Name);
        if ((write?.Replaced is null && answered.Marks is not null) || (write?.Rewritten is null && !answered.Rewritten.IsEmpty))
            throw Wrong($"it replaces rows of {output.Name}, which the run does not");
        if (answered.Rewritten.Distinct(StringComparer.Ordinal).Count() != answered.Rewritten.Length) throw Wrong($"it has rewritten a file of {output.Name} twice");
        if (answered.Rewritten.FirstOrDefault(path => !pinned.ContainsKey(path)) is { } strange) throw Wrong($"it has rewritten file {strange} of {output.Name}, which the run did not read");
    }

    /// <returns>How many rows are marked.</returns>
    private async ValueTask<long> CheckMarksAsync(JobOutput output, AnsweredOutput answered, Dictionary<string, JobFile> pinned, CancellationToken cancellationToken)
    {
        if (answered.Marks is not { } marks) return 0;
        await CheckSizeAsync(output, marks, cancellationToken);
        var rewritten = answered.Rewritten.ToHashSet(StringComparer.Ordinal);
        var marked = new Dictionary<string, BitArray>(StringComparer.Ordinal);
        var count = 0L;
        await foreach (var (path, row) in Read(ParquetFooter.PairsAsync(store, $"{output.Location}/{marks.Path}", $"the marks of {Run}", cancellationToken), cancellationToken))
        {
            if (!pinned.TryGetValue(path, out var file)) throw Wrong($"it marks a row of file {path} of {output.Name}, which the run did not read");
            if (!rewritten.Contains(path)) throw Wrong($"it marks a row of file {path} of {output.Name}, which it has not rewritten");
            if (row < 0 || row >= (file.Rows ?? int.MaxValue)) throw Wrong($"it marks row {row} of file {path}, which has {Plural.Of(file.Rows ?? 0, "row")}");
            if (!marked.TryGetValue(path, out var rows)) marked.Add(path, rows = new BitArray((int)Math.Min(int.MaxValue, file.Rows ?? row + 1)));
            if (rows.Length <= row) rows.Length = (int)Math.Min(int.MaxValue, (row + 1) * 2);
            if (rows[(int)row]) throw Wrong($"it marks row {row} of file {path} twice");
            rows[(int)row] = true;
            count++;
        }

        return count == marks.Rows ? count : throw Wrong($"the marks of {output.Name} are {count}, and it says {marks.Rows}");
    }

    /// <summary>Bounds for the log come from the footer; those of personal columns leave the file.</summary>
    private async ValueTask<AddFile> FileAsync(JobOutput output, AnsweredFile file, Snapshot? table, CancellationToken cancellationToken)
    {
        await CheckSizeAsync(output, file, cancellationToken);
        var path = $"{output.Location}/{file.Path}";
        var columns = output.Columns.Select(column => column.ToField()).ToList();
        var footer = await ReadAsync(() => ParquetFooter.ReadAsync(store, path, $"the answer of {Run}", columns, table, cancellationToken));
        CheckColumns(output, file, footer);
        if (footer.Rows != file.Rows) throw Wrong($"file {file.Path} of {output.Name} has {Plural.Of(footer.Rows, "row")}, and it says {file.Rows:#,0}");
        if (file.Rows == 0) throw Wrong($"file {file.Path} of {output.Name} has no rows");
        var personal = columns.Where(column => !TableColumns.HasStatistics(column)).Select(column => column.Name).ToHashSet(StringComparer.Ordinal);
        var size = personal.Count == 0 ? file.Size : await ReadAsync(() => FooterStatistics.RemoveAsync(store, path, personal, cancellationToken));
        // An engine's own counts as long as the file is as it has left it.
        var checksum = (size == file.Size ? FileChecksum.TryParse(file.Crc32c) : null) ?? await ReadAsync(() => FileChecksums.ReadAsync(store, path, size, cancellationToken));
        return new AddFile(file.Path, ImmutableDictionary<string, string?>.Empty, size, time.GetUtcNow(), DataChange: true, footer.Stats, FileChecksum.TagsOf(checksum));
    }

    private async ValueTask CheckSizeAsync(JobOutput output, AnsweredFile file, CancellationToken cancellationToken)
    {
        var found = await store.TryStatAsync($"{output.Location}/{file.Path}", cancellationToken) ?? throw Wrong($"file {file.Path} of {output.Name} does not exist");
        if (found.Size != file.Size) throw Wrong($"file {file.Path} of {output.Name} has {Plural.Of(found.Size, "byte")}, and it says {file.Size:#,0}");
    }

    private void CheckColumns(JobOutput output, AnsweredFile file, ParquetFooter footer)
    {
        var expected = string.Join(", ", output.Columns.Select(column => $"{column.Name} {column.Type}"));
        var found = string.Join(", ", footer.Columns.Select(field => $"{field.Name} {TypeOf(field.DataType)}"));
        if (found != expected) throw Wrong($"file {file.Path} of {output.Name} has the columns ({found}) instead of ({expected})");
    }

    private static string TypeOf(IArrowType type) => type switch
    {
        TimestampType { Unit: not TimeUnit.Microsecond } or TimestampType { Timezone: null or "" } => "timestamp of another unit or without a zone",
        Decimal128Type => ColumnType.Format(type),
        StructType or MapType or NullType or Time32Type or Time64Type or UInt8Type or UInt16Type or UInt32Type or UInt64Type or FixedSizeBinaryType => type.Name,
        _ => ColumnType.Format(type),
    };

    private async IAsyncEnumerable<T> Read<T>(IAsyncEnumerable<T> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var each = items.GetAsyncEnumerator(cancellationToken);
        while (await ReadAsync(each.MoveNextAsync)) yield return each.Current;
    }

    /// <summary>Damage of what an engine has written is a wrong answer.</summary>
    private async ValueTask<T> ReadAsync<T>(Func<ValueTask<T>> read)
    {
        try
        {
            return await read();
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
        {
            throw CheckedAnswer.Wrong(Run, $"{e.Thing}: {e.Cause}", e);
        }
    }

    private PipelineException Wrong(string cause) => CheckedAnswer.Wrong(Run, cause);
}

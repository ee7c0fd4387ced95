using Pipeline.Core;
using Pipeline.Delta.Storage;
using ParquetSharp;
using ParquetSharp.Arrow;

namespace Pipeline.Delta.Parquet;

/// <summary>Opens Parquet objects; what is wrong with them is reported as damage of the named object.</summary>
internal static class ParquetSource
{
    private const int BatchRows = 4 * 1024;

    /// <param name="what">What the object is, for errors: <c>version 7 of the table</c>.</param>
    /// <exception cref="PipelineException">The object is missing or no Parquet file.</exception>
    public static async ValueTask<ParquetObject> OpenAsync(IObjectStore store, string path, string what, CancellationToken cancellationToken)
    {
        var info = await store.TryStatAsync(path, cancellationToken)
            ?? throw new PipelineException(FaultKind.Damaged, $"Object {store.LocationOf(path)}/{path}", $"it is missing, and {what} needs it",
                "Restore the object from a backup.");
        using var properties = ArrowReaderProperties.GetDefault();
        properties.BatchSize = BatchRows;
        // Timestamps of old writers; nanoseconds would end in 2262.
        properties.CoerceInt96TimestampUnit = Apache.Arrow.Types.TimeUnit.Microsecond;
        // One column chunk at a time, not the whole row group.
        properties.PreBuffer = false;
        var stream = store.LocalPath(path) is null ? new ObjectStream(store, path, info.Size) : null;
        try
        {
            return new ParquetObject(stream is null ? new FileReader(store.LocalPath(path)!, null, properties) : new FileReader(stream, null, properties),
                e => stream?.Refusal ?? Damaged(store, path, what, CauseOf(e), e));
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw stream?.Refusal ?? Damaged(store, path, what, CauseOf(e), e);
        }
    }

    /// <summary>What the native reader throws at bytes that are no Parquet: Arrow's C interface knows plain exceptions only.</summary>
    public static bool IsDamage(Exception e) => e is ParquetException || e.GetType() == typeof(Exception) || DataFaults.Are(e);

    public static PipelineException Damaged(IObjectStore store, string path, string what, string cause, Exception? inner = null) =>
        new(FaultKind.Damaged, $"Object {store.LocationOf(path)}/{path}", $"{what} cannot be read: {cause.TrimEnd('.')}", "Restore the object from a backup.", inner);

    /// <summary>What was wrong, in one line without a full stop. The native library says it within the name that its compiler gives to the type of the error.</summary>
    public static string CauseOf(Exception e)
    {
        const string Before = " (message: '", After = "')", Kind = "Invalid: ";
        var said = e.Message;
        if (e is ParquetException && said.IndexOf(Before, StringComparison.Ordinal) is >= 0 and var at && said.EndsWith(After, StringComparison.Ordinal)) said = said[(at + Before.Length)..^After.Length];
        if (said.StartsWith(Kind, StringComparison.Ordinal)) said = said[Kind.Length..];
        return said.Split('\n', 2)[0].TrimEnd('.', '\r');
    }
}

/// <summary>An open Parquet object.</summary>
/// <param name="explain">What an error of the reader means.</param>
internal sealed class ParquetObject(FileReader reader, Func<Exception, PipelineException> explain) : IDisposable
{
    public FileReader Reader => reader;

    /// <summary>Damage of the object; or what its store has said, if that is why the native reader got no further.</summary>
    /// <param name="e">One that <see cref="ParquetSource.IsDamage"/>.</param>
    public PipelineException Explain(Exception e) => explain(e);

    public void Dispose() => reader.Dispose();
}

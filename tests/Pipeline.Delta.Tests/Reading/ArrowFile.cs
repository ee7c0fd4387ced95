using ParquetSharp.Arrow;
using Pipeline.Delta.Log;
using Pipeline.Delta.Reading;

namespace Pipeline.Delta.Tests.Reading;

/// <summary>Rows as our reader sees them, in a Parquet file that DuckDB can compare with others.</summary>
internal static class ArrowFile
{
    public static async Task<string> WriteAsync(DeltaTable table, Snapshot snapshot, string path, ReadOptions? options = null)
    {
        using var writer = new FileWriter(path, snapshot.Schema);
        await foreach (var batch in TableReader.ReadAsync(table, snapshot, options ?? new ReadOptions(), TestContext.Current.CancellationToken))
        {
            using (batch) writer.WriteRecordBatch(batch);
        }

        writer.Close();
        return path;
    }
}

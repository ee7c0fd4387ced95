using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Parquet;

namespace Pipeline.Ingest;

/// <summary>How the data files of a Bronze table are written, by whomever.</summary>
public static class BronzeFiles
{
    /// <summary>The same with what the meaning of a table's columns says of their encodings.</summary>
    /// <remarks>A dictionary of values that rarely repeat costs time and saves nothing.</remarks>
    public static DataFileOptions For(this DataFileOptions files, Schema bronze)
    {
        var shape = BronzeShape.Of(bronze);
        return files with { NoDictionary = shape.Distinct, Differences = shape.Counting };
    }
}

namespace Pipeline.Delta.Parquet;

/// <summary>Compression of data files that every reader of the lake knows.</summary>
public enum Codec
{
    Snappy,
    Zstd,
}

public static class CodecNames
{
    /// <summary>As files and queries name it.</summary>
    public static string Name(this Codec codec) => codec.ToString().ToLowerInvariant();
}

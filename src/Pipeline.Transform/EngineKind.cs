namespace Pipeline.Transform;

/// <summary>What executes runs.</summary>
public enum EngineKind
{
    /// <summary>By how much is read: <see cref="Jobs.EngineRule"/>.</summary>
    Auto,

    /// <summary>DuckDB, in this process.</summary>
    Duckdb,

    /// <summary>Spark, as steps of a cluster of Amazon EMR.</summary>
    Emr,

    /// <summary>Spark, as jobs of an application of Amazon EMR Serverless.</summary>
    EmrServerless,
}

public static class EngineKinds
{
    public const string InProcess = "duckdb";

    /// <summary>As <see cref="Jobs.JobPins.Engine"/> has it: null for the one in process.</summary>
    public static string? NameOf(this EngineKind kind) => kind switch
    {
        EngineKind.Duckdb => null,
        EngineKind.Emr => "emr",
        EngineKind.EmrServerless => "emr-serverless",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No engine has this kind."),
    };

    public static bool IsSpark(this EngineKind kind) => kind is EngineKind.Emr or EngineKind.EmrServerless;
}

namespace Pipeline.Demo.Emr;

/// <summary>What executes the demo's Silver and Gold runs, as the command line calls it.</summary>
internal sealed record DemoEngine
{
    public static readonly DemoEngine DuckDb = new() { Name = "duckdb", ConfigFile = "demo.conf" };

    public static readonly DemoEngine Emr = new() { Name = "emr", ConfigFile = "demo-emr.conf", IsEmulated = true };

    public static readonly DemoEngine EmrServerless = new() { Name = "emr-serverless", ConfigFile = "demo-emr-serverless.conf", IsEmulated = true };

    public static readonly IReadOnlyList<DemoEngine> All = [DuckDb, Emr, EmrServerless];

    private DemoEngine()
    {
    }

    public required string Name { get; init; }

    /// <summary>The configuration that sets it up, in <c>hocon</c>.</summary>
    public required string ConfigFile { get; init; }

    /// <summary>Whether the demo starts it; else it is in the node's process.</summary>
    public bool IsEmulated { get; init; }

    /// <exception cref="InvalidOperationException">There is none of this name.</exception>
    public static DemoEngine Of(string name) => All.Single(engine => engine.Name == name);
}

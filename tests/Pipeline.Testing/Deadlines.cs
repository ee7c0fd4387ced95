namespace Pipeline.Testing;

/// <summary>How long tests wait for what must come. They wait for events; this is only for what hangs.</summary>
public static class Deadlines
{
    /// <summary>
    /// Many times what anything takes on a machine that is loaded heavily: a test must not fail because others run beside it. A
    /// run of all tests ends a project that takes longer than all of them should.
    /// </summary>
    public static readonly TimeSpan Test = TimeSpan.FromMinutes(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 120 : 15);
}

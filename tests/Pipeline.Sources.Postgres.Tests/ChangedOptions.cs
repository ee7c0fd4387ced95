namespace Pipeline.Sources.Postgres.Tests;

internal static class ChangedOptions
{
    /// <summary>The options with other credentials or another encryption.</summary>
    public static PostgresSourceOptions Secured(this PostgresSourceOptions options, Func<PostgresSecurityOptions, PostgresSecurityOptions> change) =>
        options with { Security = change(options.Security) };
}

using System.Net;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake;

/// <summary>Turns Snowflake's refusals into errors for people. Codes: docs.snowflake.com, "SQL API reference".</summary>
internal static class SnowflakeFaults
{
    private const int MessageLengthMax = 400;

    /// <param name="thing">What was being read.</param>
    /// <param name="status">The answer's status, not a success.</param>
    /// <param name="header">The answer.</param>
    /// <param name="options">For the names in the next step.</param>
    public static PipelineException Describe(string thing, HttpStatusCode status, ResultHeader header, SnowflakeSourceOptions options)
    {
        var (kind, cause, nextStep) = Classify(status, header, options);
        // Without a code it is not Snowflake that answers, but something on the way, whichever table was asked for.
        return new PipelineException(kind, thing, cause, nextStep) { Dependency = kind == FaultKind.Unreachable && header.Code is null ? options.Server : null };
    }

    private static (FaultKind Kind, string Cause, string NextStep) Classify(HttpStatusCode status, ResultHeader header, SnowflakeSourceOptions options)
    {
        var said = $"Snowflake says {Quote(header)}";
        return (status, header.Code, header.SqlState) switch
        {
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, null, _) => (FaultKind.Unreachable, $"the answer is {(int)status}, and none of Snowflake's",
                "Look for a firewall, a proxy or a network policy between here and Snowflake."),
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, _, _) => (FaultKind.NotAuthorised, said,
                "Check security: the client or key pair, the user it stands for, and that the security integration accepts it."),
            (_, "390186" or "390189", _) => (FaultKind.NotAuthorised, said,
                $"Grant the role: GRANT ROLE \"{options.Role}\" TO USER ...; names are case-sensitive, and the token's scope must allow the role."),
            (_, "003001", _) or (_, _, "42501") => (FaultKind.NotAuthorised, said,
                $"Grant what is missing to role {options.Role}: USAGE on the warehouse, database and schema, SELECT on the table."),
            (_, "002003" or "002043", _) or (_, _, "42S02") => (FaultKind.Missing, said,
                $"Check the name (case-sensitive), or grant role {options.Role} SELECT on it and USAGE on its database and schema."),
            (_, "000904", _) => (FaultKind.Missing, said, "Check the names of the table's columns in its settings (case-sensitive)."),
            (_, "000606", _) or (_, _, "57P03") => (FaultKind.Missing, $"warehouse '{options.Warehouse}' does not run: {said}",
                $"Check its name (case-sensitive), grant role {options.Role} USAGE on it, or resume it: ALTER WAREHOUSE \"{options.Warehouse}\" RESUME; AUTO_RESUME = TRUE does so by itself."),
            (_, "391908", _) => (FaultKind.Invalid, $"Snowflake does not give all rows of a result: {said}", "Read a view that has fewer columns, or another watermark column of which fewer rows have the same value."),
            (_, "000604", _) => (FaultKind.Unreachable, "the statement was cancelled in Snowflake", "Look who cancels statements of this role."),
            (HttpStatusCode.RequestTimeout, _, _) or (_, "000630", _) => (FaultKind.Unreachable,
                $"the statement ran into its time limit: {said}", "Raise statement-timeout, or use a larger warehouse."),
            (_, "000709", _) => (FaultKind.Unreachable, "Snowflake has forgotten the statement's result", "Read results sooner: look for what holds the pipeline up."),
            (_, "001003", _) or (_, _, "42000" or "22000" or "22023") => (FaultKind.Invalid, $"{said} (HTTP {(int)status})", "Correct the source's settings, or the table."),
            // What is not known to be final may pass.
            _ => (FaultKind.Unreachable, $"{said} (HTTP {(int)status})", "If it lasts, correct the source's settings, or the table."),
        };
    }

    private static string Quote(ResultHeader header)
    {
        var message = (header.Message ?? "nothing").ReplaceLineEndings(" ").TrimEnd('.');
        if (message.Length > MessageLengthMax) message = message[..MessageLengthMax] + "...";
        return header.Code is { } code ? $"'{message}' ({code})" : $"'{message}'";
    }
}

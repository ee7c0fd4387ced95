using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>
/// Whether a connection leads to the server whose table a split is: an address may become another server's, where a table made by the same
/// statements has the same number. A connection stays with its server, and each is asked before what it says counts.
/// </summary>
/// <param name="identity">That the split was listed with; null: nobody could say.</param>
internal sealed class WatermarkServer(WatermarkSplit split, string? identity)
{
    public WatermarkSplit Split { get; } = split;

    /// <summary>False: the role may not ask which server it is.</summary>
    public bool IsKnown { get; } = identity is not null && identity != split.IdentityOn("");

    /// <summary>Null: it is the one.</summary>
    /// <param name="server">The identifier of the server that was asked.</param>
    public PipelineException? FaultOf(string server, string thing) => !IsKnown || Split.IdentityOn(server) == identity ? null
        : new PipelineException(FaultKind.Unreachable, thing, $"the address is that of another server now: {(server.Length > 0 ? server : "one that does not say which")}",
            "The table of that server is read from its beginning, and its rows are newer.");

    /// <exception cref="PipelineException">It leads to another server.</exception>
    public async ValueTask RequireAsync(NpgsqlConnection connection, string thing, CancellationToken cancellationToken)
    {
        if (IsKnown && FaultOf(await CaptureSetup.TrySystemIdentifierAsync(connection, cancellationToken), thing) is { } fault) throw fault;
    }

    /// <exception cref="PipelineException">It leads to another server.</exception>
    public void Require(WireConnection wire, string thing)
    {
        if (IsKnown && FaultOf(wire.QueryRow(CaptureSetup.SystemIdentifierSql) is [{ } server] ? server : "", thing) is { } fault) throw fault;
    }
}

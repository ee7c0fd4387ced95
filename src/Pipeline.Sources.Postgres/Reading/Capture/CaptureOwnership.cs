using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Whether a source may use the slot and the publication of its names.</summary>
/// <param name="Refusal">Why not; null: it may.</param>
/// <param name="Claim">What the publication's comment becomes first; null: it stays.</param>
/// <param name="Advice">What its owner should do, since we may not; null: nothing.</param>
internal sealed record CaptureVerdict(PipelineException? Refusal, PublicationMark? Claim = null, string? Advice = null);

/// <summary>
/// Whose the slot and the publication of the configured names are: of one source of one pipeline, as the publication's comment
/// says. Those of the release before, which named no pipeline, are taken over once, by the pipeline whose lake has read the slot.
/// </summary>
internal sealed class CaptureOwnership(PostgresSourceOptions options, ISourceOwner owner)
{
    private volatile bool _hasRead;

    private string Thing => $"Source {options.Name}, slot {options.Capture.Slot}";

    /// <exception cref="PipelineException">The lake cannot be asked for its id.</exception>
    public async ValueTask<SlotClaim> ClaimAsync(CancellationToken cancellationToken) => new(options.Capture.Slot, new SourceClaim(options.Name, await owner.IdAsync(cancellationToken)));

    /// <param name="split">What is halted by it; null: the whole worker.</param>
    /// <exception cref="PipelineException">The slot or the publication belongs to somebody else by now.</exception>
    public async ValueTask RequireAsync(NpgsqlConnection connection, SplitId? split, CancellationToken cancellationToken)
    {
        if (await FindStrangerAsync(connection, await ClaimAsync(cancellationToken), split, cancellationToken) is { } stranger) throw stranger;
    }

    /// <param name="publication">Null: there is none of its name.</param>
    /// <param name="slot">Null: there is none of its name.</param>
    public async ValueTask<CaptureVerdict> JudgeAsync(NpgsqlConnection connection, PublicationState? publication, SlotState? slot, CancellationToken cancellationToken)
    {
        if (slot is not null && slot.Database != connection.Database)
            return new CaptureVerdict(new PipelineException(FaultKind.Invalid, Thing, $"the slot is one of database {slot.Database}, and slots of all databases share their names",
                $"Give capture.slot of source {options.Name} another name."));

        var claim = await ClaimAsync(cancellationToken);
        if (await FindStrangerAsync(connection, claim, split: null, cancellationToken) is { } stranger) return new CaptureVerdict(stranger);
        if (publication is null || publication.Mark.Claims.Any(known => known.Slot == claim.Slot)) return new CaptureVerdict(Refusal: null);

        var statement = CommentSql(options.Capture.Publication, publication.Mark.With(claim));
        var isOfReleaseBefore = publication.Mark.IsMadeByPipeline && !publication.Mark.Claims.Any();
        if (slot is not null && (isOfReleaseBefore || slot.IsActive) && !await HasReadAsync(connection, cancellationToken))
            return new CaptureVerdict(new PipelineException(FaultKind.Invalid, Thing,
                isOfReleaseBefore ? $"slot and publication were made by a pipeline of the release before, and the lake of this one has never read the slot: they may be another's"
                : "somebody reads the slot, and the lake of this pipeline has never read it: it is another's",
                $"{OtherNames()} If they are meant for this pipeline and nobody else reads them, as the publication's owner: {statement};"));
        return publication.Mark.IsMadeByPipeline && publication.MayAlter ? new CaptureVerdict(Refusal: null, publication.Mark.With(claim)) : new CaptureVerdict(Refusal: null, Advice: $"{statement};");
    }

    /// <summary>Whether what nobody claims was made for this source: its lake knows the slot. Asked until it is so, since it opens tables.</summary>
    public async ValueTask<bool> HasReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_hasRead) return true;
        var split = SlotSplit.Of(options.Name, options.Capture.Slot, await CaptureSetup.SystemIdentifierAsync(connection, cancellationToken));
        return _hasRead = await owner.HasReadAsync(split, options.Tables.Select(table => TableId.Bronze(options.Name, table.Name)), cancellationToken);
    }

    public static string CommentSql(string publication, PublicationMark mark) =>
        $"COMMENT ON PUBLICATION {Sql.Identifier(publication)} IS {(mark.Comment.Length == 0 ? "NULL" : Sql.Text(mark.Comment))}";

    /// <summary>What all publications of this database say, since a slot may be read with any of them.</summary>
    private async ValueTask<PipelineException?> FindStrangerAsync(NpgsqlConnection connection, SlotClaim claim, SplitId? split, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select pubname::text, pg_catalog.obj_description(oid, 'pg_publication') from pg_catalog.pg_publication
            where pg_catalog.obj_description(oid, 'pg_publication') is not null order by pubname <> $1, pubname
            """, connection) { Parameters = { new() { Value = options.Capture.Publication } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var (publication, mark) = (reader.GetString(0), new PublicationMark(reader.GetString(1)));
            var claims = mark.Claims.ToList();
            if (claims.Find(known => known.Slot == claim.Slot && known != claim) is { } reads)
                return Stranger($"the slot is read by {reads.Reader}, and this is {claim.Reader}", reads.Reader, publication, mark.With(claim), split);
            if (publication == options.Capture.Publication && mark.IsMadeByPipeline && claims.Count > 0 && claims.TrueForAll(known => known.Reader.Pipeline != claim.Reader.Pipeline))
                return Stranger($"publication {publication} belongs to {claims[0].Reader}, and this is {claim.Reader}", claims[0].Reader, publication, mark.With(claim), split);
        }

        return null;
    }

    private PipelineException Stranger(string cause, SourceClaim other, string publication, PublicationMark taken, SplitId? split) => new(FaultKind.Invalid, Thing, cause,
        $"{OtherNames()} Or, when nobody reads with the other any more: let it give its things back (./pipeline source remove {other.Source} --yes with its configuration), "
        + $"or take them over as the publication's owner: {CommentSql(publication, taken)};") { Split = split };

    private string OtherNames() => $"Give capture.slot and capture.publication of source {options.Name} names of their own.";
}

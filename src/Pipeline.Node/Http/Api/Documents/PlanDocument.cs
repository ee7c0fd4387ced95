namespace Pipeline.Node.Http.Api.Documents;

/// <param name="Verb"><c>pause</c>, <c>drain</c>, <c>resume</c>, <c>schedule</c>, <c>unschedule</c>, <c>trigger</c>, <c>backfill</c>, <c>accept-gap</c>, <c>redrive</c>, <c>rebuild</c>, <c>restart</c>, <c>leave</c>, <c>down</c>, <c>cancel</c>, <c>log-level</c>, <c>backfill-part</c>, <c>backfill-in-order</c>.</param>
/// <param name="Target">A table (silver/users), a source (app) or a node (host:port).</param>
/// <param name="Value">What goes with the verb: the times of a schedule; of a <c>backfill-part</c> or <c>backfill-in-order</c> the part of the table, <c>from X</c> or <c>from X to Y</c>. Which of the two a plan is, its table decides.</param>
internal sealed record PlanRequest(string Verb, string Target, string? Value = null);

/// <param name="Id">By which it is applied.</param>
/// <param name="IsRecordable">False: the lake is away.</param>
internal sealed record PlanDocument(int SchemaVersion, string Id, string Verb, string Target, string? Value, IReadOnlyList<PlannedItem> Changes, bool IsRecordable);

/// <summary>What becomes of one thing.</summary>
/// <param name="By">What has it so, where it is not the command itself.</param>
internal sealed record PlannedItem(string Thing, string Change, string? By);

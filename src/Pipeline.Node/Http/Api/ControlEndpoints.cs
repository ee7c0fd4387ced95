using Microsoft.AspNetCore.Http;
using Pipeline.Core;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api;

/// <summary>What operators want. A change is planned over what is, and the plan is applied for a reason, as long as that has not moved.</summary>
internal static class ControlEndpoints
{
    public static IReadOnlyList<ApiEndpoint> All { get; } =
    [
        new(HttpMethods.Get, "/v1/running", ApiAccess.Viewer, "What each node, source and table is doing now, how late it is and what it waits for, as the nodes say: nothing is read from the lake.", RunningAsync) { Answer = typeof(RunningDocument), Parameters = [Pages.Limit, Pages.Cursor] },
        ApiEndpoint.Get("/v1/control", ApiAccess.Viewer, "What operators want held, and their orders: who, when and why.", StateAsync),
        new(HttpMethods.Post, "/v1/plans", ApiAccess.Operator, "What a change would do, and the id by which it is applied; nothing changes.", PlanAsync) { Body = typeof(PlanRequest), Answer = typeof(PlanDocument) },
        new(HttpMethods.Post, "/v1/plans/apply", ApiAccess.Operator, "Does what was planned, once, for a reason; refused when what it was planned over has moved.", ApplyAsync) { Body = typeof(ApplyRequest), Answer = typeof(AppliedDocument), Changes = true },
    ];

    private static async Task RunningAsync(ApiCall call)
    {
        if (await call.Node.Control.StatusAsync(call.Ended) is not { } status)
        {
            if (await call.Node.Control.SilentLeaderAsync(call.Ended) is not { } leader) throw new PipelineException(FaultKind.Unreachable, "The pipeline's control", "it does not answer: it may be on its way from one node to another", "Ask again in some seconds.");
            await new ApiProblem(StatusCodes.Status409Conflict, "silent_leader", $"Node {leader}", "it is the oldest of the cluster, and so has to do what operators want, and has not answered for long: it is of a release that does not know how, or its log says why",
                "If it is of a release before, stop it with SIGTERM: the others read on. Start it again with the program of this release.").WriteAsync(call.Http);
            return;
        }

        var running = StatusOfRunning.Of(status, call.Node.Options);
        var page = Pages.Of(call, running.Tables.Select(WorkItem.Of), item => item.Table.ToString(), []);
        await ApiAnswer.WriteAsync(call.Http, new RunningDocument(ApiJson.SchemaVersion, status.At, status.LakeAway, status.Unrecorded, [.. status.Nodes.Select(NodeItem.Of)], [.. running.Sources.Select(SourceItem.Of)], page.Items, page.Next)
        {
            Silent = [.. status.Silent.Select(SilentItem.Of)],
        });
    }

    private static async Task<ControlDocument> StateAsync(ApiCall call)
    {
        var state = await call.Node.Control.StateAsync(call.Ended);
        return new ControlDocument(ApiJson.SchemaVersion, state.Number, [.. state.Wishes.Select(WishItem.Of)], [.. state.Orders.Select(OrderItem.Of)]);
    }

    private static async Task PlanAsync(ApiCall call)
    {
        var command = CommandOf(await call.BodyAsync<PlanRequest>());
        if (RefuseOf(call, command) is { } refusal)
        {
            await refusal.WriteAsync(call.Http);
            return;
        }

        var planned = await call.Node.Control.PlanAsync(command, call.Ended);
        await ApiAnswer.WriteAsync(call.Http, new PlanDocument(ApiJson.SchemaVersion, planned.Id, ControlWords.Of(command.Verb), command.Target.Name, command.Value,
            [.. planned.Changes.Select(change => new PlannedItem(change.Thing, change.Change, change.By))], planned.IsRecordable));
    }

    private static async Task ApplyAsync(ApiCall call)
    {
        var request = await call.BodyAsync<ApplyRequest>();
        if (ControlPlan.CommandOf(request.Id) is { } command && RefuseOf(call, command) is { } refusal)
        {
            await refusal.WriteAsync(call.Http);
            return;
        }

        var applied = await AppliedAsync(call, request);
        if (applied is Applied.Refused { Reason: var reason, Fault: var fault }) await new ApiProblem(StatusOf(reason), ApiCodes.Of(reason), fault.Thing, fault.Cause, fault.NextStep).WriteAsync(call.Http);
        else await ApiAnswer.WriteAsync(call.Http, AppliedDocument.Of(applied));
    }

    /// <summary>Who asked may go: what was begun is recorded, or is not. The node waits for it no longer when it ends.</summary>
    private static async Task<Applied> AppliedAsync(ApiCall call, ApplyRequest request)
    {
        var ended = call.Node.Events.Ended;
        try
        {
            return await call.Node.Control.ApplyAsync(request.Id, WhoOf(call.Caller!), request.Reason, ended);
        }
        catch (OperationCanceledException e) when (ended.IsCancellationRequested)
        {
            throw new PipelineException(FaultKind.Unreachable, "This node", "it ends, and it is not known whether this was recorded", "Apply the same id again, at another node or when this one is back: what is recorded is not done twice.", e);
        }
    }

    private static ControlCommand CommandOf(PlanRequest request)
    {
        if (ControlWords.TryRead<ControlVerb>(request.Verb) is not { } verb)
            throw new PipelineException(FaultKind.Invalid, "'verb' of this request", $"'{request.Verb}' is none", $"Write one of {string.Join(", ", Enum.GetValues<ControlVerb>().Select(ControlWords.Of))}.");
        try
        {
            return new ControlCommand(verb, ControlTarget.Parse(request.Target), request.Value);
        }
        catch (FormatException e)
        {
            throw new PipelineException(FaultKind.Invalid, "'target' of this request", $"'{request.Target}' names none", "Write a table (silver/users), a source (app) or a node (host:port).", e);
        }
    }

    /// <summary>Some changes need more than the endpoint does.</summary>
    private static ApiProblem? RefuseOf(ApiCall call, ControlCommand command) => AccessRules.Refuse(command.Verb, call.Caller!) is { } refusal ? ApiProblem.Of(refusal) : null;

    /// <summary>As it is recorded.</summary>
    private static string WhoOf(Caller caller) => caller.Proof == CallerProof.Socket ? caller.Name : $"token {caller.Name}";

    private static int StatusOf(ControlRefusal reason) => reason switch
    {
        ControlRefusal.UnknownPlan => StatusCodes.Status404NotFound,
        ControlRefusal.Moved => StatusCodes.Status409Conflict,
        ControlRefusal.NoReason => StatusCodes.Status400BadRequest,
        _ => StatusCodes.Status503ServiceUnavailable,
    };
}

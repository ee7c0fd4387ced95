-- The application's database. Every insert and update sets updated_at to the transaction's time; the indexes serve the
-- readers that ask for what changed since. Products live in the CRM, so nothing here can point to them with a foreign key.

CREATE TABLE public.users (
    user_id           bigint PRIMARY KEY,
    first_name        text,
    last_name         text,
    email             text,
    phone             text,
    address           text,
    city              text,
    state             text,
    country           text NOT NULL,
    registration_date date NOT NULL,
    is_active         boolean NOT NULL,
    marketing_consent boolean,
    preferences       jsonb NOT NULL,
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_updated_at ON public.users (updated_at);

CREATE TABLE public.subscriptions (
    subscription_id bigint PRIMARY KEY,
    user_id         bigint NOT NULL REFERENCES public.users (user_id),
    plan            text,
    status          text NOT NULL,
    monthly_price   numeric(10, 2) NOT NULL,
    currency        char(3) NOT NULL,
    started_at      timestamptz NOT NULL,
    cancelled_at    timestamptz,
    auto_renew      boolean NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscriptions_updated_at ON public.subscriptions (updated_at);
CREATE INDEX subscriptions_user_id ON public.subscriptions (user_id);

CREATE TABLE public.product_inventory (
    warehouse_id      integer NOT NULL,
    product_id        bigint NOT NULL,
    quantity_on_hand  integer NOT NULL,
    quantity_reserved integer NOT NULL,
    reorder_level     integer,
    unit_cost         numeric(12, 4) NOT NULL,
    is_discontinued   boolean NOT NULL,
    last_counted_at   timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (warehouse_id, product_id)
);
CREATE INDEX product_inventory_updated_at ON public.product_inventory (updated_at);

-- Visitors who are not signed in have no user; deleted users keep their sessions, hence no foreign key.
CREATE TABLE public.user_sessions (
    session_id uuid PRIMARY KEY,
    user_id    bigint,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    device     text,
    ip_address inet,
    user_agent text,
    page_views smallint NOT NULL,
    converted  boolean NOT NULL,
    context    jsonb,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX user_sessions_updated_at ON public.user_sessions (updated_at);


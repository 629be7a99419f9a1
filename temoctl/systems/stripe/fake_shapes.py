"""Objects as Stripe sends them, with nothing in them yet. Pure; decides nothing."""

from __future__ import annotations

from temoctl.systems.stripe.fake_store import Row


def plan_of(price: Row) -> Row:
    """The price as older versions of the API called it; Stripe still sends it along."""
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def subscription(ident: str, livemode: bool) -> Row:
    empty = (
        "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at "
        "canceled_at customer_account days_until_due default_payment_method default_source description "
        "ended_at latest_invoice managed_payments next_pending_invoice_item_invoice on_behalf_of "
        "pause_collection pending_invoice_item_interval pending_setup_intent pending_update schedule "
        "transfer_data"
    )
    return {
        "id": ident,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "livemode": livemode,
        **dict.fromkeys(empty.split()),
    }


def invoice(ident: str, livemode: bool) -> Row:
    empty = (
        "account_name account_tax_ids application custom_fields customer_account customer_phone "
        "customer_shipping default_payment_method default_source description due_date effective_at "
        "ending_balance footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error "
        "latest_revision next_payment_attempt number on_behalf_of receipt_number rendering shipping_cost "
        "shipping_details statement_descriptor subtotal_excluding_tax test_clock total_excluding_tax "
        "webhooks_delivered_at"
    )
    return {
        "id": ident,
        "object": "invoice",
        "account_country": "DE",
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "collection_method": "charge_automatically",
        "customer_address": None,
        "customer_email": None,
        "customer_name": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": livemode,
        "metadata": {},
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        **dict.fromkeys(empty.split()),
    }


def session(ident: str, livemode: bool) -> Row:
    empty = (
        "adaptive_pricing after_expiration allow_promotion_codes amount_subtotal amount_total "
        "billing_address_collection cancel_url client_secret collected_information consent consent_collection "
        "currency_conversion customer_account customer_creation customer_details customer_email discounts "
        "integration_identifier invoice invoice_creation locale managed_payments origin_context "
        "payment_intent payment_link payment_method_configuration_details permissions phone_number_collection "
        "recovered_from saved_payment_method_options setup_intent shipping_address_collection shipping_cost "
        "submit_type subscription total_details wallet_options"
    )
    return {
        "id": ident,
        "object": "checkout.session",
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "livemode": livemode,
        "payment_method_collection": "always",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
        **dict.fromkeys(empty.split()),
    }


def account(ident: str) -> Row:
    return {
        "id": ident,
        "object": "account",
        "business_profile": {"name": "Stand-in"},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "DE",
        "created": 1_600_000_000,
        "default_currency": "eur",
        "details_submitted": True,
        "email": "billing@example.com",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{ident}/external_accounts",
        },
        "future_requirements": _no_requirements(),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _no_requirements(),
        "settings": None,
        "tos_acceptance": {"date": 1_600_000_000, "ip": None, "user_agent": None},
        "type": "standard",
    }


def _no_requirements() -> Row:
    lists = "alternatives currently_due errors eventually_due past_due pending_verification"
    return {"current_deadline": None, "disabled_reason": None} | {name: [] for name in lists.split()}

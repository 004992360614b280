"""Parts of splitting a pile; `app.intake.splitting` joins them."""
